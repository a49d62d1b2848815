// skopeo copy, on the engine: blobs in parallel, mounts, resumption, checks in flight.
import { writeFile } from 'node:fs/promises'
import { type Endpoint, isDigest, parseEndpoint, type Tag, transportOf } from '@longshore/oci'
import { Tally } from '@longshore/report'
import type { InFlight } from '@longshore/transfer'
import type { Config } from '../config.ts'
import { createView } from '../create-view.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import type { CopyFlags } from '../skopeo/copy-flags.ts'
import { CopyLog } from '../skopeo/copy-log.ts'
import { listHandlingOf, wantedChanges } from '../skopeo/copy-plan.ts'
import { type CopyRequest, endOf, withReference } from '../skopeo/copy-request.ts'
import { type CopyOutcome, type CopySettings, type PreparedCopy, runCopies } from '../skopeo/copy-run.ts'
import { openEndpoints } from '../skopeo/endpoint-access.ts'
import { log } from '../skopeo/logrus.ts'
import { failedCopy, describeFailedCopy } from '../skopeo/report-failure.ts'
import type { SkopeoContext } from '../skopeo/command.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { settleFlags } from '../skopeo/settle-flags.ts'
import { parseImageName } from '../skopeo/open-image.ts'
import { openSigning } from '../skopeo/signing.ts'

/** Copies SOURCE to DESTINATION, and to the additional tags. @throws SkopeoError and what else there is to tell */
export async function copyCommand(args: readonly string[], given: CopyFlags, { config, signal, warn }: SkopeoContext): Promise<void> {
  const [sourceText, destinationText, ...rest] = args
  if (sourceText === undefined || destinationText === undefined || rest.length > 0) throw new SkopeoError('Exactly two arguments expected')
  const flags = settleFlags(given, warn)
  const source = endpointOf('source', sourceText)
  const destination = endpointOf('destination', destinationText)
  const requests = requestsOf(source, destination, flags)
  const lists = listHandlingOf(flags)
  const changes = wantedChanges(source.registry, destination.registry, flags, warn)
  await using endpoints = await openEndpoints({
    source: new Set([source.registry]), destination: new Set([destination.registry]), changes, flags, config, sparse: lists.kind === 'index-only' || lists.kind === 'platforms',
  })
  await using signing = await openSigning(endpoints, flags, config, signal)
  const outcome = await watch(requests, { ...endpoints, lists, signatures: signing }, flags, config, signal)
  const [failed] = outcome.failed
  if (failed) throw failedCopy(failed)
  if (outcome.stopped) throw new InterruptedError()
  await endpoints.finish()
  const [copied] = outcome.copied
  if (flags.digestfile !== undefined && copied) await writeFile(flags.digestfile, copied.digest)
}

/** @throws SkopeoError in skopeo's words */
function endpointOf(side: 'source' | 'destination', text: string): Endpoint {
  try {
    const endpoint = parseImageName(text)
    if (side === 'destination' && endpoint.transport === 'tarball') throw new SkopeoError('"tarball" can only be read from: name oci-archive:FILE or docker-archive:FILE')
    return endpoint
  } catch (error) {
    throw error instanceof SkopeoError ? new SkopeoError(`Invalid ${side} name ${text}: ${error.message}`, error.code, { cause: error }) : error
  }
}

/** The image itself, then the same under each additional tag. */
function requestsOf(source: Endpoint, destination: Endpoint, { additionalTag = [] }: CopyFlags): readonly CopyRequest[] {
  const from = endOf(source)
  const to = endOf(destination)
  if (transportOf(to.registry) === 'docker' && isDigest(to.reference) && isDigest(from.reference) && from.reference !== to.reference) {
    throw new SkopeoError(`the destination ${destination.text} is named by another digest than the source: name a tag`)
  }
  return [{ source: from, destination: to }, ...additionalTag.map((text): CopyRequest => ({ source: from, destination: additional(text, destination, to) }))]
}

function additional(text: string, destination: Endpoint, to: CopyRequest['destination']): CopyRequest['destination'] {
  if (destination.transport === 'docker-archive') return withReference(to, parseEndpoint(`docker-archive:/x:${text}`, '/').reference ?? ('' as Tag))
  const named = parseEndpoint(`docker://${text}`, '/')
  if (named.reference === undefined || isDigest(named.reference)) throw new SkopeoError(`error parsing additional-tag '${text}': it has no tag`)
  if (destination.transport === 'docker') {
    if (named.registry !== to.registry) throw new SkopeoError(`additional-tag '${text}' is in another registry than ${destination.text}: copy it there by itself`)
    return { registry: to.registry, repository: named.repository, reference: named.reference }
  }
  return withReference(to, named.reference)
}

/** Runs the copies while somebody watches: bars on a terminal, skopeo's lines on stdout elsewhere. */
async function watch(
  requests: readonly CopyRequest[], run: Pick<CopySettings, 'raw' | 'transports' | 'lists' | 'signatures'>, flags: CopyFlags, config: Config, signal: AbortSignal,
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
        if (event.type === 'blob') lines.blob(event.desc)
      },
      onRetry: ({ times, delayMs, failed }) => {
        const [first] = failed
        if (first) log('warning', `Failed, retrying in ${delayMs / 1000}s ... (${times}/${flags.retryTimes ?? 0}). Error: ${describeFailedCopy(first)}`)
      },
    }, AbortSignal.any([signal, abort.signal]))
    const [copied] = outcome.copied
    if (copied && outcome.failed.length === 0) {
      const { source } = copied.request
      const from = prepared?.wanted.image.source ?? source
      const manifest = await run.transports.source(from.registry).manifest(from.repository, from.reference, { signal: abort.signal })
      if (manifest) lines.image(manifest)
      lines.end(manifest?.kind === 'index')
    }
    return outcome
  } finally {
    view.close()
  }
}
