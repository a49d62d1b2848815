// skopeo sync, on the engine: everything that is named moves side by side, each blob once; what is there already is not sent again.
import { stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseEndpoint } from '@longshore/oci'
import { Tally } from '@longshore/report'
import type { InFlight, Io, Source } from '@longshore/transfer'
import type { Config } from '../config.ts'
import { createView } from '../create-view.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import type { SyncFlags } from '../skopeo/copy-flags.ts'
import { CopyLog } from '../skopeo/copy-log.ts'
import { listHandlingOf, wantedChanges } from '../skopeo/copy-plan.ts'
import { type CopyRequest, type End, formatImageName } from '../skopeo/copy-request.ts'
import { type CopyOutcome, runCopies } from '../skopeo/copy-run.ts'
import { type Endpoints, openEndpoints } from '../skopeo/endpoint-access.ts'
import { during } from '../skopeo/go-words.ts'
import { log } from '../skopeo/logrus.ts'
import { describeFailedCopy, failedCopy } from '../skopeo/report-failure.ts'
import { settleFlags } from '../skopeo/settle-flags.ts'
import { openSigning } from '../skopeo/signing.ts'
import type { SkopeoContext } from '../skopeo/command.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { checkCollisions, destinationOf, suffixOf, type SyncDestination } from '../skopeo/sync-names.ts'
import { fromDirectory, fromRegistry, fromStorage } from '../skopeo/sync-sources.ts'
import { fromYaml, type YamlSync, readYamlSync } from '../skopeo/sync-yaml.ts'

type SourceKind = 'docker' | 'dir' | 'yaml' | 'registry-storage'

/** What is to be copied, and what could not be found out. */
interface Found { readonly ends: readonly End[]; readonly base?: string; readonly errors: number }

/** @throws SkopeoError and what else there is to tell */
export async function syncCommand(args: readonly string[], given: SyncFlags, { config, signal, warn }: SkopeoContext): Promise<void> {
  const [source, place, ...rest] = args
  if (source === undefined || place === undefined || rest.length > 0) throw new SkopeoError('Exactly two arguments expected')
  const flags = settleFlags(given, warn)
  const from = sourceKindOf(flags.src)
  const to = destinationKindOf(flags.dest)
  if (from === 'dir' && to === 'dir') throw new SkopeoError('sync from \'dir\' to \'dir\' not implemented, consider using rsync instead')
  const destination: SyncDestination = { transport: to, place: to === 'docker' ? place : resolve(place), scoped: flags.scoped ?? false, appendSuffix: flags.appendSuffix ?? '' }
  const lists = listHandlingOf(flags)
  const yaml = from === 'yaml' ? await readYamlSync(source) : undefined
  const directory = from === 'dir' ? await directoryOf(source) : undefined
  const registry = destinationOf('name:tag', destination).registry
  const changes = wantedChanges(from === 'dir' ? 'dir:' : 'docker.io', registry, flags, warn)
  await using endpoints = await openEndpoints({
    source: new Set(yaml ? yaml.registries : [sourceRegistryOf(from, source, directory)]), destination: new Set([registry]), changes, flags, config, ...(yaml ? { hints: yaml.access } : {}),
  })
  if (flags.dryRun === true) warn('Running in dry-run mode')
  const abort = new AbortController()
  using interrupt = new Interrupt(() => warn('stopping; again to stop at once'), () => abort.abort(new InterruptedError()))
  const io: Io = { signal: AbortSignal.any([interrupt.stop, abort.signal, signal]) }
  const found = await find(from, source, { yaml, directory }, endpoints.raw, io)
  const requests = checkCollisions(found.ends.map((end): CopyRequest => ({ source: end, destination: destinationOf(suffixOf(end, found.base), destination) })))
  if (flags.dryRun === true) return tellOnly(requests, found)

  await using signing = await openSigning(endpoints, flags, config, signal)
  const outcome = await watch(requests, endpoints, { lists, signatures: signing, stop: interrupt.stop, abort: AbortSignal.any([abort.signal, signal]) }, flags, config)
  if (outcome.copied.length > 0) await endpoints.finish()
  if (flags.digestfile !== undefined) await writeFile(flags.digestfile, outcome.copied.map(({ digest, request }) => `${digest} ${formatImageName(request.destination)}\n`).join(''))
  conclude(outcome, found, flags.keepGoing === true)
}

function sourceRegistryOf(from: SourceKind, text: string, directory: string | undefined): string {
  return directory === undefined ? parseEndpoint(from === 'registry-storage' ? `registry-storage:${text}` : `docker://${text}`, process.cwd()).registry : `dir:${directory}`
}

/** @throws SkopeoError in skopeo's words */
function sourceKindOf(kind: string | undefined): SourceKind {
  if (kind === undefined || kind === '') throw new SkopeoError('A source transport must be specified')
  if (kind === 'docker' || kind === 'dir' || kind === 'yaml' || kind === 'registry-storage') return kind
  throw new SkopeoError(`"${kind}" is not a valid source transport`)
}

function destinationKindOf(kind: string | undefined): SyncDestination['transport'] {
  if (kind === undefined || kind === '') throw new SkopeoError('A destination transport must be specified')
  if (kind === 'docker' || kind === 'dir' || kind === 'registry-storage') return kind
  throw new SkopeoError(`"${kind}" is not a valid destination transport`)
}

async function directoryOf(source: string): Promise<string> {
  const there = await stat(source).catch(() => undefined)
  if (!there) throw new SkopeoError(`${source}: there is no such directory`)
  if (!there.isDirectory()) throw new SkopeoError(`${source} is not a directory`)
  return resolve(source)
}

async function find(
  from: SourceKind, text: string, { yaml, directory }: { readonly yaml: YamlSync | undefined; readonly directory: string | undefined }, raw: (registry: string) => Source, io: Io,
): Promise<Found> {
  if (directory !== undefined) return { ends: await fromDirectory(text, directory, raw, io), base: directory, errors: 0 }
  if (yaml) return await fromYaml(yaml, raw, io)
  return { ends: await (from === 'docker' ? fromRegistry(text, raw, io) : fromStorage(text, process.cwd(), raw, io)), errors: 0 }
}

/** Names what would be copied; nothing is written anywhere. */
function tellOnly(requests: readonly CopyRequest[], { errors }: Found): void {
  requests.forEach((request, i) => tell('Would have copied image ref', request, i, requests.length))
  log('info', `Would have synced ${requests.length} images from ${sourcesOf(requests)} sources`)
  if (errors > 0) throw new SkopeoError(failedBefore)
}

function tell(what: string, { source, destination }: CopyRequest, at: number, all: number): void {
  log('info', `${what} ${at + 1}/${all}`, { from: formatImageName(source), to: formatImageName(destination) })
}

/** Source repositories: what skopeo counts as sources. */
function sourcesOf(requests: readonly CopyRequest[]): number { return new Set(requests.map(({ source }) => `${source.registry}/${source.repository}`)).size }

interface Run { readonly lists: ReturnType<typeof listHandlingOf>; readonly signatures: Awaited<ReturnType<typeof openSigning>>; readonly stop: AbortSignal; readonly abort: AbortSignal }

async function watch(requests: readonly CopyRequest[], endpoints: Endpoints, run: Run, flags: SyncFlags, config: Config): Promise<CopyOutcome> {
  const inFlight = new Set<InFlight>()
  const tally = new Tally({ keepsEntries: false, named: requests.length })
  const view = await createView({ quiet: !process.stderr.isTTY }, config, tally, inFlight)
  const lines = new CopyLog((line) => process.stdout.write(`${line}\n`))
  const at = new Map(requests.map((request, i) => [request, i]))
  try {
    return await runCopies(requests, {
      ...endpoints, lists: run.lists, signatures: run.signatures, retryTimes: flags.retryTimes ?? 0, retryDelayMs: flags.retryDelay ?? 0, keepGoing: flags.keepGoing ?? false, blobs: 128,
      inFlight, stop: run.stop,
      onPrepared: ({ request }) => { if (!process.stderr.isTTY) tell('Copying image ref', request, at.get(request) ?? 0, requests.length) },
      onEvent: (event) => {
        tally.add(event)
        view.event(event)
        if (event.type === 'blob') lines.blob(event.desc)
        if (event.type === 'done' && event.outcome === 'present') process.stdout.write('Skipping: image already present at destination\n')
      },
      onRetry: ({ times, delayMs, failed }) => log('warning', `Failed, retrying in ${delayMs / 1000}s ... (${times}/${flags.retryTimes ?? 0}). Images: ${failed.length}`),
    }, run.abort)
  } finally {
    view.close()
  }
}

/** The wording is skopeo's. */
const failedBefore = 'Sync failed due to previous reported error(s) for one or more images'

function conclude({ copied, failed, stopped }: CopyOutcome, { errors }: Found, keepsGoing: boolean): void {
  const [first] = failed
  const told = keepsGoing ? failed : failed.slice(1)
  for (const one of told) log('error', `Error copying ref ${JSON.stringify(formatImageName(one.request.source))}: ${describeFailedCopy(one)}`)
  log('info', `Synced ${copied.length} images from ${sourcesOf(copied.map(({ request }) => request))} sources`)
  if (stopped) throw new InterruptedError()
  if (first && !keepsGoing) throw during(`Error copying ref ${JSON.stringify(formatImageName(first.request.source))}`, failedCopy(first))
  if (first || errors > 0) throw new SkopeoError(failedBefore)
}
