// One assertion that means "correct": everything that a reference stands for is there, and is what its digest says.
import { decodeManifest, type Digest, hasherFor, isDigest, isForeign, manifestMediaTypes, type Manifest, successors } from '@longshore/oci'
import { PlainClient, type PlainClientOptions } from './http.ts'

export interface Walk {
  readonly root: Digest | undefined
  readonly manifests: number
  readonly blobs: number
  /** What is missing or wrong, one sentence each; none when all is well. */
  readonly problems: readonly string[]
}

export interface WalkOptions {
  /** Reads every blob and hashes it, in place of a HEAD. Default false. */
  readonly deep?: boolean
  /** Manifests known to be whole, as `repository@digest`, not walked again; those found whole are added. */
  readonly known?: Set<string>
}

/** Reads the manifest and all that it needs, as a careful client would. A missing root is a problem, too. */
export async function walkImage(client: PlainClient, repository: string, reference: string, { deep = false, known }: WalkOptions = {}): Promise<Walk> {
  const problems: string[] = []
  const seen = new Set<string>()
  let manifests = 0
  let blobs = 0

  const visit = async (reference: string, why: string): Promise<Digest | undefined> => {
    if (known?.has(`${repository}@${reference}`) === true || seen.has(reference)) return isDigest(reference) ? reference : undefined
    seen.add(reference)
    const manifest = await read(client, repository, reference, why, problems)
    if (!manifest || known?.has(`${repository}@${manifest.digest}`) === true) return manifest?.digest
    manifests++
    const before = problems.length
    const needs = successors(manifest)
    for (const child of needs.manifests) await visit(child.digest, `, child of ${reference}`)
    for (const blob of needs.blobs) {
      if (isForeign(blob) || seen.has(blob.digest)) continue
      seen.add(blob.digest)
      blobs++
      const path = `/v2/${repository}/blobs/${blob.digest}`
      const hash = hasherFor(blob.digest)
      let size = 0
      const answer = await client.send(deep ? 'GET' : 'HEAD', path, { onChunk: (chunk) => { size += chunk.byteLength; hash.update(chunk) } })
      const what = `blob ${repository}@${blob.digest}, of ${reference}`
      if (answer.status !== 200) { problems.push(`${what}: answered ${answer.status}`); continue }
      const actual = deep ? size : Number(answer.headers['content-length'])
      if (blob.size >= 0 && actual !== blob.size) problems.push(`${what}: ${actual} bytes, not ${blob.size}`)
      if (deep && !blob.digest.endsWith(`:${hash.digest('hex')}`)) problems.push(`${what}: its bytes have another digest`)
    }
    if (problems.length === before) known?.add(`${repository}@${manifest.digest}`)
    return manifest.digest
  }

  const root = await visit(reference, '')
  return { root, manifests, blobs, problems }
}

async function read(client: PlainClient, repository: string, reference: string, why: string, problems: string[]): Promise<Manifest | undefined> {
  const what = `manifest ${repository}${isDigest(reference) ? '@' : ':'}${reference}${why}`
  const answer = await client.send('GET', `/v2/${repository}/manifests/${reference}`, { headers: { accept: manifestMediaTypes.join(', ') } })
  if (answer.status !== 200) {
    problems.push(`${what}: answered ${answer.status}`)
    return undefined
  }
  const manifest = decodeManifest(answer.body, answer.headers['content-type'] ?? '', what, isDigest(reference) ? reference : undefined)
  if (isDigest(reference) && manifest.digest !== reference) problems.push(`${what}: its bytes have the digest ${manifest.digest}`)
  const said = answer.headers['docker-content-digest']
  if (said !== undefined && said !== manifest.digest) problems.push(`${what}: Docker-Content-Digest says ${String(said)}, the bytes ${manifest.digest}`)
  return manifest
}

export interface IntactOptions extends PlainClientOptions {
  readonly expectDigest?: string
  /** Reads every blob and hashes it, in place of a HEAD. Default false. */
  readonly deep?: boolean
}

/** @throws Error naming everything that is missing, corrupt, or not `expectDigest` */
export async function assertIntact(
  baseUrl: string, repository: string, reference: string, { expectDigest, deep = false, ...access }: IntactOptions = {},
): Promise<Walk> {
  using client = new PlainClient(baseUrl, access)
  const walk = await walkImage(client, repository, reference, { deep })
  const problems = [...walk.problems]
  if (expectDigest !== undefined && walk.root !== expectDigest) problems.push(`${repository}:${reference} is ${walk.root ?? 'missing'}, not ${expectDigest}`)
  if (problems.length > 0) throw new Error(`${baseUrl}: ${repository} ${reference} is not intact:\n  ${problems.join('\n  ')}`)
  return walk
}
