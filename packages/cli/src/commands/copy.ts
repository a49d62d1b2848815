// skopeo copy, on the engine: blobs in parallel, mounts, resumption, checks in flight.
import { writeFile } from 'node:fs/promises'
import { type Endpoint, InvalidReferenceError, isDigest, namesTransport, parseEndpoint, type Tag, transportOf } from '@longshore/oci'
import { Tally } from '@longshore/report'
import type { InFlight } from '@longshore/transfer'
import { type Config, readConfig } from '../config.ts'
import { createView } from '../create-view.ts'
import { ExitCode } from '../exit-code.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import type { CopyFlags } from '../skopeo/copy-flags.ts'
import { CopyLog } from '../skopeo/copy-log.ts'
import { listHandlingOf, wantedChanges } from '../skopeo/copy-plan.ts'
import { type CopyRequest, endOf, withReference } from '../skopeo/copy-request.ts'
import { type CopyOutcome, type CopySettings, type PreparedCopy, runCopies } from '../skopeo/copy-run.ts'
import { openEndpoints } from '../skopeo/endpoint-access.ts'
import { log } from '../skopeo/logrus.ts'
import { describeFailedCopy, isNotFound } from '../skopeo/report-failure.ts'
import { openSigning } from '../skopeo/signing.ts'
import { UsageError } from '../usage-error.ts'

/** Copies SOURCE to DESTINATION, and to the additional tags. */
export async function copyCommand(sourceText: string, destinationText: string, flags: CopyFlags): Promise<ExitCode> {
  const config = readConfig()
  const source = endpointOf('source', sourceText)
  const destination = endpointOf('destination', destinationText)
  const requests = requestsOf(source, destination, flags)
  const lists = listHandlingOf(flags)
  const changes = wantedChanges(source.registry, destination.registry, flags, (message) => log('warning', message))
  await using endpoints = await openEndpoints({ source: new Set([source.registry]), destination: new Set([destination.registry]), changes, flags, config })
  const signatures = await openSigning(endpoints, flags, config)
  const outcome = await watch(requests, { ...endpoints, lists, signatures }, flags, config)
  const [failed] = outcome.failed
  if (failed) {
    log('fatal', describeFailedCopy(failed))
    return isNotFound(failed) ? ExitCode.usage : ExitCode.failed
  }
  if (outcome.stopped) return ExitCode.interrupted
  await endpoints.finish()
  const [copied] = outcome.copied
  if (flags.digestfile !== undefined && copied) await writeFile(flags.digestfile, copied.digest)
  return ExitCode.ok
}

/** @throws UsageError in skopeo's words */
function endpointOf(side: 'source' | 'destination', text: string): Endpoint {
  try {
    const endpoint = parseEndpoint(text, process.cwd())
    if (side === 'destination' && endpoint.transport === 'tarball') throw new UsageError('Invalid destination name: "tarball" can only be read from: name oci-archive:FILE or docker-archive:FILE')
    return endpoint
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    throw new UsageError(`Invalid ${side} name ${namesTransport(text) ? text : JSON.stringify(text).slice(1, -1)}: ${error.message}`)
  }
}

/** The image itself, then the same under each additional tag. */
function requestsOf(source: Endpoint, destination: Endpoint, { additionalTag = [] }: CopyFlags): readonly CopyRequest[] {
  const from = endOf(source)
  const to = endOf(destination)
  if (transportOf(to.registry) === 'docker' && isDigest(to.reference) && isDigest(from.reference) && from.reference !== to.reference) {
    throw new UsageError(`the destination ${destination.text} is named by another digest than the source: name a tag`)
  }
  return [{ source: from, destination: to }, ...additionalTag.map((text): CopyRequest => ({ source: from, destination: additional(text, destination, to) }))]
}

function additional(text: string, destination: Endpoint, to: CopyRequest['destination']): CopyRequest['destination'] {
  if (destination.transport === 'docker-archive') return withReference(to, parseEndpoint(`docker-archive:/x:${text}`, '/').reference ?? ('' as Tag))
  const named = parseEndpoint(`docker://${text}`, '/')
  if (named.reference === undefined || isDigest(named.reference)) throw new UsageError(`error parsing additional-tag '${text}': it has no tag`)
  if (destination.transport === 'docker') {
    if (named.registry !== to.registry) throw new UsageError(`additional-tag '${text}' is in another registry than ${destination.text}: copy it there by itself`)
    return { registry: to.registry, repository: named.repository, reference: named.reference }
  }
  return withReference(to, named.reference)
}

/** Runs the copies while somebody watches: bars on a terminal, skopeo's lines on stdout elsewhere. */
async function watch(
  requests: readonly CopyRequest[], run: Pick<CopySettings, 'raw' | 'transports' | 'lists' | 'signatures'>, flags: CopyFlags, config: Config,
): Promise<CopyOutcome> {
  const inFlight = new Set<InFlight>()
  const tally = new Tally({ keepsEntries: false, named: requests.length })
  const lines = new CopyLog((line) => { if (flags.quiet !== true) process.stdout.write(`${line}\n`) })
  const terminal = process.stderr.isTTY && flags.quiet !== true
  const view = await createView({ quiet: !terminal }, config, tally, inFlight)
  const abort = new AbortController()
  using interrupt = new Interrupt(() => view.say('stopping; again to stop at once'), () => abort.abort(new InterruptedError()))
  let prepared: PreparedCopy | undefined
  lines.begin(run.lists.kind !== 'system')
  try {
    const outcome = await runCopies(requests, {
      ...run, retryTimes: flags.retryTimes ?? 0, retryDelayMs: flags.retryDelay ?? 0, keepGoing: false, blobs: flags.imageParallelCopies ?? 64, inFlight, stop: interrupt.stop,
      onPrepared: (one) => { prepared ??= one },
      onEvent: (event) => {
        tally.add(event)
        view.event(event)
        if (event.type === 'blob' && event.desc.digest !== configOf(prepared)) lines.blob(event.desc)
      },
      onRetry: ({ times, delayMs, failed }) => {
        const [first] = failed
        if (first) log('warning', `Failed, retrying in ${delayMs / 1000}s ... (${times}/${flags.retryTimes ?? 0}). Error: ${describeFailedCopy(first)}`)
      },
    }, abort.signal)
    const [copied] = outcome.copied
    if (copied && outcome.failed.length === 0) {
      const { source } = copied.request
      const from = prepared?.wanted.image.source ?? source
      const manifest = prepared?.manifest ?? await run.transports.source(from.registry).manifest(from.repository, from.reference, { signal: abort.signal })
      if (manifest) lines.image(manifest)
      lines.end(manifest?.kind === 'index')
    }
    return outcome
  } finally {
    view.close()
  }
}

function configOf(prepared: PreparedCopy | undefined): string | undefined {
  return prepared?.manifest?.kind === 'image' ? prepared.manifest.config?.digest : undefined
}
