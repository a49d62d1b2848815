// Images as Redis keeps them, to their end and after it. There may be a hundred thousand of them: what the id says, where the image goes, is not said again.
import { type Digest, type ErrorRecord, isDigest, type Platform, type RepositoryName, type Tag } from '@longshore/oci'
import { type BlobTally, formatEnd, type Image, type ImageId, type ImageResult, type SettledImage, type Wanted } from '@longshore/transfer'
import type { ResolvedFacts } from './pool-ledger.ts'

/** Source, then what differs from what is usual, then where it was asked for. */
type WantedBody = readonly [source: string, platforms?: readonly Platform[], flags?: string, origin?: Wanted['origin']]

export function encodeWanted({ image, options: { platforms, platformPolicy, referrers, foreignLayers }, origin }: Wanted): string {
  const flags = `${platformPolicy === 'strip' ? 's' : ''}${referrers ? '' : 'n'}${foreignLayers === 'copy' ? 'f' : ''}`
  const source = formatEnd(image.source)
  const usual = platforms.length === 0 && flags === ''
  const body: WantedBody = origin ? [source, platforms, flags, origin] : usual ? [source] : [source, platforms, flags]
  return JSON.stringify(body)
}

export function decodeWanted(id: ImageId, text: string): Wanted {
  const [source, platforms = [], flags = '', origin] = JSON.parse(text) as WantedBody
  return {
    image: { source: parseEnd(source), destination: parseEnd(id) },
    options: { platforms, platformPolicy: flags.includes('s') ? 'strip' : 'sparse', referrers: !flags.includes('n'), foreignLayers: flags.includes('f') ? 'copy' : 'keep' },
    ...(origin === undefined ? {} : { origin }),
  }
}

/** As the scripts take it apart: `digest rewritten referrers`, and what else was found, of which they know nothing. */
export function encodeFacts({ digest, rewritten, referrers, details }: ResolvedFacts): string {
  return `${digest ?? '-'} ${rewritten ?? '-'} ${referrers}${details === undefined ? '' : ` ${JSON.stringify(details)}`}`
}

export function decodeTally(text: string): BlobTally {
  const [pushed = 0, pushedBytes = 0, mounted = 0, mountedBytes = 0, existed = 0, existedBytes = 0] = text.split(' ').map(Number)
  return { pushed, pushedBytes, mounted, mountedBytes, existed, existedBytes }
}

const outcomes = { c: 'copied', p: 'present', f: 'failed' } as const

/** Lines: outcome, wanted, facts, tally, created, ms, error, and the roots of one that failed. `undefined`: nobody wanted it, as it was never opened. */
export function decodeResult(id: ImageId, text: string): ImageResult | undefined {
  const [outcome = '', wanted = '', facts = '', tally = '', , ms = '', error = ''] = text.split('\n')
  if (wanted === '') return undefined
  const [, digest = '-', rewritten = '-', referrers, details] = /^(\S+) (\S+) (\d+)(?: (.*))?$/s.exec(facts) ?? []
  return {
    wanted: decodeWanted(id, wanted), outcome: outcomes[outcome as keyof typeof outcomes],
    ...(digest === '-' ? {} : { digest: digest as Digest, referrers: Number(referrers), blobs: decodeTally(tally) }),
    ...(rewritten === '-' ? {} : { rewritten: rewritten as Digest }), ...(details === undefined ? {} : { details: JSON.parse(details) as unknown }),
    ms: Number(ms), ...(error === '' ? {} : { error: JSON.parse(error) as ErrorRecord }),
  }
}

export function decodeSettled(id: ImageId, errors: string, tally: string, text: string): SettledImage {
  const result = text === '' ? undefined : decodeResult(id, text)
  return {
    image: id, errors: errors === '' ? [] : errors.split('\n').map((error) => JSON.parse(error) as ErrorRecord), blobs: decodeTally(tally),
    ...(result === undefined ? {} : { result }),
  }
}

function parseEnd(text: string): Image['source'] {
  const slash = text.indexOf('/')
  const at = text.indexOf('@', slash)
  const end = at < 0 ? text.lastIndexOf(':') : at
  const reference = text.slice(end + 1)
  return { registry: text.slice(0, slash), repository: text.slice(slash + 1, end) as RepositoryName, reference: isDigest(reference) ? reference : reference as Tag }
}
