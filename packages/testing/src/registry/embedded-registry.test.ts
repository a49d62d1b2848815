// The embedded registry against distribution-spec v1.1.1, spoken to by a bare client, and by skopeo as a stranger.
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { digestOf } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import {
  artifact, assertIntact, bytesOf, type EmbeddedRegistry, image, index, layer, PlainClient, seed, startBlobHost, startEmbeddedRegistry,
} from '../index.ts'

const run = promisify(execFile)
const blob = layer({ seed: 'blob', size: 100_000 })
const bytes = bytesOf(blob)
const picture = image({ seed: 1, layers: [2000, 3000] })
const codeOf = (body: Buffer): string => (JSON.parse(body.toString()) as { errors: { code: string }[] }).errors[0]!.code

async function startUpload(client: PlainClient, repository = 'r'): Promise<string> {
  const answer = await client.send('POST', `/v2/${repository}/blobs/uploads/`)
  expect(answer.status).toBe(202)
  return answer.headers.location!
}

/** Sends the beginning of a body, and breaks the connection once the registry has read it. */
async function sendPart(registry: EmbeddedRegistry, method: string, location: string, part: Uint8Array, length: number): Promise<void> {
  const url = new URL(location)
  const before = registry.requests.length
  const socket = connect(Number(url.port), url.hostname)
  socket.on('error', () => {})
  socket.write(`${method} ${url.pathname}${url.search} HTTP/1.1\r\nHost: r\r\nContent-Length: ${length}\r\n\r\n`)
  socket.write(part)
  await expect.poll(() => registry.requests[before]?.bytesIn, { interval: 2 }).toBe(part.byteLength)
  socket.destroy()
}

describe('uploads', () => {
  test('POST then PUT commits exactly what the digest says', async () => {
    await using registry = await startEmbeddedRegistry()
    using client = new PlainClient(registry.url)
    const put = await client.send('PUT', `${await startUpload(client)}&digest=${blob.digest}`, { body: bytes })
    expect([put.status, put.headers['docker-content-digest'], put.headers.location]).toEqual([201, blob.digest, `${registry.url}/v2/r/blobs/${blob.digest}`])
    const get = await client.send('GET', put.headers.location!)
    expect(get.body.equals(bytes)).toBe(true)
    const wrong = await client.send('PUT', `${await startUpload(client)}&digest=${digestOf(Buffer.from('other'))}`, { body: bytes })
    expect([wrong.status, codeOf(wrong.body)]).toEqual([400, 'DIGEST_INVALID'])
  })

  test('chunks come in order: Content-Range is checked, 416 tells where to go on', async () => {
    await using registry = await startEmbeddedRegistry({ location: 'relative' })
    using client = new PlainClient(registry.url)
    const location = await startUpload(client)
    expect(location).toMatch(/^\/v2\/r\/blobs\/uploads\//)
    const first = await client.send('PATCH', location, { body: bytes.subarray(0, 40_000), headers: { 'content-range': '0-39999' } })
    expect([first.status, first.headers.range]).toEqual([202, '0-39999'])
    const ahead = await client.send('PATCH', first.headers.location!, { body: bytes.subarray(50_000), headers: { 'content-range': '50000-99999' } })
    expect([ahead.status, ahead.headers.range]).toEqual([416, '0-39999'])
    const liar = await client.send('PATCH', first.headers.location!, { body: bytes.subarray(40_000), headers: { 'content-range': '40000-59999' } })
    expect(liar.status).toBe(416)
    const status = await client.send('GET', first.headers.location!)
    expect([status.status, status.headers.range]).toEqual([204, '0-39999'])
    const last = await client.send('PUT', `${status.headers.location!}&digest=${blob.digest}`, { body: bytes.subarray(40_000), headers: { 'content-range': '40000-99999' } })
    expect(last.status).toBe(201)
    expect(registry.hasBlob('r', blob.digest)).toBe(true)
  })

  test('a session whose connection breaks keeps what arrived; or is gone, where the options say so', async () => {
    await using registry = await startEmbeddedRegistry()
    using client = new PlainClient(registry.url)
    const location = await startUpload(client)
    await sendPart(registry, 'PUT', `${location}&digest=${blob.digest}`, bytes.subarray(0, 30_000), bytes.length)
    const status = await client.send('GET', location)
    expect([status.status, status.headers.range]).toEqual([204, '0-29999'])
    const rest = await client.send('PUT', `${status.headers.location!}&digest=${blob.digest}`, { body: bytes.subarray(30_000) })
    expect(rest.status).toBe(201)

    await using forgetful = await startEmbeddedRegistry({ resumableUploads: false })
    using second = new PlainClient(forgetful.url)
    const lost = await startUpload(second)
    await sendPart(forgetful, 'PATCH', lost, bytes.subarray(0, 30_000), bytes.length)
    await expect.poll(async () => (await second.send('GET', lost)).status).toBe(404)
  })

  test('a session needs its Location as it was given, in its own repository, and can be cancelled', async () => {
    await using registry = await startEmbeddedRegistry()
    using client = new PlainClient(registry.url)
    const location = await startUpload(client)
    expect((await client.send('GET', location.replace(/\?.*/, ''))).status).toBe(404)
    expect((await client.send('GET', location.replace('/v2/r/', '/v2/other/'))).status).toBe(404)
    expect((await client.send('DELETE', location)).status).toBe(204)
    const gone = await client.send('GET', location)
    expect([gone.status, codeOf(gone.body)]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
  })

  test('the chunk minimum is announced and enforced, the body limit too, and POST ?digest= works where it is on', async () => {
    await using registry = await startEmbeddedRegistry({ chunkMinLength: 1000, maxBody: 50_000 })
    using client = new PlainClient(registry.url)
    const post = await client.send('POST', '/v2/r/blobs/uploads/')
    expect(post.headers['oci-chunk-min-length']).toBe('1000')
    const short = await client.send('PATCH', post.headers.location!, { body: bytes.subarray(0, 10), headers: { 'content-range': '0-9' } })
    expect(short.status).toBe(202)
    const next = await client.send('PATCH', short.headers.location!, { body: bytes.subarray(10, 5000), headers: { 'content-range': '10-4999' } })
    expect(next.status).toBe(400)
    const large = await client.send('PUT', `${await startUpload(client)}&digest=${blob.digest}`, { body: bytes })
    expect(large.status).toBe(413)
    const small = Buffer.from('small')
    expect((await client.send('POST', `/v2/r/blobs/uploads/?digest=${digestOf(small)}`, { body: small })).status).toBe(201)
    expect(registry.hasBlob('r', digestOf(small))).toBe(true)
    await using without = await startEmbeddedRegistry({ singlePost: false })
    expect((await client.send('POST', `${without.url}/v2/r/blobs/uploads/?digest=${digestOf(small)}`, { body: small })).status).toBe(202)
    expect(without.hasBlob('r', digestOf(small))).toBe(false)
  })

  test('existence is per repository; a mount brings a blob over, or opens a session', async () => {
    await using registry = await startEmbeddedRegistry()
    using client = new PlainClient(registry.url)
    registry.putBlob('a', bytes)
    expect((await client.send('HEAD', `/v2/b/blobs/${blob.digest}`)).status).toBe(404)
    expect((await client.send('POST', `/v2/b/blobs/uploads/?mount=${blob.digest}&from=c`)).status).toBe(202)
    expect((await client.send('POST', `/v2/b/blobs/uploads/?mount=${blob.digest}&from=a`)).status).toBe(201)
    const head = await client.send('HEAD', `/v2/b/blobs/${blob.digest}`)
    expect([head.status, head.headers['content-length']]).toEqual([200, '100000'])
    expect(registry.count({ kind: 'mount' })).toBe(2)
    await using without = await startEmbeddedRegistry({ mounts: false })
    without.putBlob('a', bytes)
    expect((await client.send('POST', `${without.url}/v2/b/blobs/uploads/?mount=${blob.digest}&from=a`)).status).toBe(202)
  })
})

describe('blobs', () => {
  test.each([
    ['bytes=0-9', 206, 'bytes 0-9/100000', bytes.subarray(0, 10)], ['bytes=99990-', 206, 'bytes 99990-99999/100000', bytes.subarray(99_990)],
    ['bytes=-5', 206, 'bytes 99995-99999/100000', bytes.subarray(-5)], ['bytes=100000-', 416, 'bytes */100000', undefined], ['lines=1-2', 200, undefined, bytes],
  ])('Range: %s is answered %i', async (range, status, contentRange, content) => {
    await using registry = await startEmbeddedRegistry()
    registry.putBlob('r', blob.chunks())
    using client = new PlainClient(registry.url)
    const answer = await client.send('GET', `/v2/r/blobs/${blob.digest}`, { headers: { range } })
    expect([answer.status, answer.headers['content-range']]).toEqual([status, contentRange])
    if (content) expect(answer.body.equals(content)).toBe(true)
  })

  test('reads are redirected to another host, which refuses credentials', async () => {
    await using host = await startBlobHost()
    await using registry = await startEmbeddedRegistry({ blobRedirect: host })
    registry.putBlob('r', bytes)
    using client = new PlainClient(registry.url)
    const answer = await client.send('GET', `/v2/r/blobs/${blob.digest}`)
    expect([answer.status, answer.headers.location?.startsWith(host.url)]).toEqual([307, true])
    expect((await client.send('GET', answer.headers.location!)).body.equals(bytes)).toBe(true)
    expect((await client.send('GET', answer.headers.location!, { headers: { authorization: 'Basic eA==' } })).status).toBe(400)
    expect((await client.send('GET', answer.headers.location!.replace(/.$/, '?'))).status).toBe(403)
  })

  test('deletes, where they are on', async () => {
    await using registry = await startEmbeddedRegistry()
    await seed(registry.url, [{ repository: 'r', tag: 'a', content: picture }, { repository: 'r', tag: 'b', content: picture }])
    using client = new PlainClient(registry.url)
    expect((await client.send('DELETE', '/v2/r/manifests/a')).status).toBe(202)
    expect(registry.tags('r')).toEqual(['b'])
    expect((await client.send('DELETE', `/v2/r/manifests/${picture.root.digest}`)).status).toBe(202)
    expect(registry.tags('r')).toEqual([])
    await using keeping = await startEmbeddedRegistry({ deletes: false })
    expect((await client.send('DELETE', `${keeping.url}/v2/r/manifests/a`)).status).toBe(405)
  })
})

describe('manifests', () => {
  test('what a manifest references has to be in its repository; its subject need not', async () => {
    await using registry = await startEmbeddedRegistry()
    using client = new PlainClient(registry.url)
    const put = async (base: string, manifest: typeof picture.root, reference = 't') => client.send('PUT', `${base}/v2/r/manifests/${reference}`, { body: manifest.bytes, headers: { 'content-type': manifest.mediaType } })
    const refused = await put(registry.url, picture.root)
    expect([refused.status, codeOf(refused.body)]).toEqual([400, 'MANIFEST_BLOB_UNKNOWN'])
    const list = index({ children: [picture] })
    const sparse = await put(registry.url, list.root)
    expect(codeOf(sparse.body)).toBe('MANIFEST_BLOB_UNKNOWN')
    await using lenient = await startEmbeddedRegistry({ acceptSparse: true })
    expect((await put(lenient.url, list.root)).status).toBe(201)
    await using loose = await startEmbeddedRegistry({ requireManifestReferences: false })
    expect((await put(loose.url, picture.root)).status).toBe(201)
    const referrer = artifact({ seed: 1, artifactType: 'text/x', mediaType: 'text/x', size: 10, subject: picture.root })
    for (const content of referrer.blobs.values()) registry.putBlob('r', content.chunks())
    const about = await put(registry.url, referrer.root, referrer.root.digest)
    expect([about.status, about.headers['oci-subject']]).toEqual([201, picture.root.digest])
    const listed = await client.send('GET', `/v2/r/referrers/${picture.root.digest}?artifactType=text/x`)
    expect(JSON.parse(listed.body.toString())).toMatchObject({ manifests: [{ digest: referrer.root.digest, artifactType: 'text/x' }] })
    expect(listed.headers['oci-filters-applied']).toBe('artifactType')
  })

  test.each([
    ['no manifest type', 'text/plain', '{}', 'MANIFEST_INVALID'],
    ['not JSON', 'application/vnd.oci.image.manifest.v1+json', '<html>', 'MANIFEST_INVALID'],
    ['another mediaType inside', 'application/vnd.oci.image.index.v1+json', '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[]}', 'MANIFEST_INVALID'],
  ])('refuses %s', async (_, type, text, code) => {
    await using registry = await startEmbeddedRegistry()
    using client = new PlainClient(registry.url)
    const answer = await client.send('PUT', '/v2/r/manifests/t', { body: Buffer.from(text), headers: { 'content-type': type } })
    expect([answer.status, codeOf(answer.body)]).toEqual([400, code])
  })

  test('names, tags and digests are checked; an immutable tag stays', async () => {
    await using registry = await startEmbeddedRegistry({ immutableTags: true })
    using client = new PlainClient(registry.url)
    expect(codeOf((await client.send('GET', '/v2/Upper/tags/list')).body)).toBe('NAME_INVALID')
    expect((await client.send('GET', '/v2/r/manifests/-bad')).status).toBe(400)
    expect(codeOf((await client.send('GET', '/v2/r/blobs/sha256:abc')).body)).toBe('DIGEST_INVALID')
    expect((await client.send('GET', '/v2/')).status).toBe(200)
    expect((await client.send('GET', '/elsewhere')).status).toBe(404)
    const entry = { repository: 'r', tag: 't', content: picture }
    await seed(registry.url, [entry])
    await expect(seed(registry.url, [entry])).rejects.toThrow('412')
  })
})

describe('lists', () => {
  test('tags and the catalog come in pages that link to the next', async () => {
    await using registry = await startEmbeddedRegistry({ pageSize: 2 })
    for (const tag of ['c', 'a', 'e', 'b', 'd']) registry.putManifest('r', picture.root.bytes, picture.root.mediaType, tag)
    for (const name of ['x', 'y/z']) registry.putBlob(name, bytes)
    using client = new PlainClient(registry.url)
    const all = async (path: string, field: string): Promise<readonly string[]> => {
      const found: string[] = []
      for (let next: string | undefined = path; next !== undefined;) {
        const answer = await client.send('GET', next)
        const page = (JSON.parse(answer.body.toString()) as Record<string, string[]>)[field]!
        expect(page.length).toBeLessThanOrEqual(2)
        found.push(...page)
        next = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers['link']))?.[1]
      }
      return found
    }
    expect(await all('/v2/r/tags/list', 'tags')).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(await all('/v2/_catalog', 'repositories')).toEqual(['r', 'x', 'y/z'])
    expect(JSON.parse((await client.send('GET', '/v2/r/tags/list?n=1&last=c')).body.toString())).toEqual({ name: 'r', tags: ['d'] })
  })
})

describe('auth', () => {
  const tokenFor = async (client: PlainClient, scopes: readonly string[], pair?: string): Promise<string | undefined> => {
    const headers = pair === undefined ? {} : { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
    const answer = await client.send('GET', `/token?${scopes.map((scope) => `scope=${scope}`).join('&')}`, { headers })
    return answer.status === 200 ? (JSON.parse(answer.body.toString()) as { token: string }).token : undefined
  }

  test('bearer: a token is good for its scope and time; a mount needs pull on its source', async () => {
    await using registry = await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { ann: 'secret' } } })
    registry.putBlob('src', bytes)
    using client = new PlainClient(registry.url)
    const challenge = await client.send('POST', `/v2/dst/blobs/uploads/?mount=${blob.digest}&from=src`)
    expect(challenge.status).toBe(401)
    expect(challenge.headers['www-authenticate']).toBe(`Bearer realm="${registry.url}/token",service="${registry.host}",scope="repository:dst:pull,push repository:src:pull"`)
    expect(await tokenFor(client, [], 'ann:wrong')).toBeUndefined()
    const mount = async (token?: string) => (await client.send('POST', `/v2/dst/blobs/uploads/?mount=${blob.digest}&from=src`, { headers: { authorization: `Bearer ${token}` } })).status
    expect(await mount(await tokenFor(client, ['repository:dst:pull,push'], 'ann:secret'))).toBe(401)
    expect(await mount(await tokenFor(client, ['repository:dst:pull,push', 'repository:src:pull']))).toBe(401)
    const good = await tokenFor(client, ['repository:dst:pull,push', 'repository:src:pull'], 'ann:secret')
    expect(await mount(good)).toBe(201)
    registry.expireTokens()
    expect(await mount(good)).toBe(401)
  })

  test('bearer: tokens end by themselves, anonymous ones can pull where that is allowed, and OAuth 2 is spoken', async () => {
    await using registry = await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { ann: 'secret' }, anonymous: 'pull', tokenTtlMs: 60 } })
    registry.putBlob('r', bytes)
    using client = new PlainClient(registry.url)
    const read = async (token?: string) => (await client.send('HEAD', `/v2/r/blobs/${blob.digest}`, { headers: { authorization: `Bearer ${token}` } })).status
    const token = await tokenFor(client, ['repository:r:pull,push'])
    expect(await read(token)).toBe(200)
    expect((await client.send('POST', '/v2/r/blobs/uploads/', { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
    await expect.poll(async () => read(token)).toBe(401)
    const oauth = async (form: string) => JSON.parse((await client.send('POST', '/token', { body: Buffer.from(form) })).body.toString()) as Record<string, string>
    const { refresh_token: refresh } = await oauth('grant_type=password&username=ann&password=secret&access_type=offline&scope=repository:r:pull')
    expect(await read((await oauth(`grant_type=refresh_token&refresh_token=${refresh}&scope=repository:r:pull`))['access_token'])).toBe(200)
  })

  test('basic', async () => {
    await using registry = await startEmbeddedRegistry({ auth: { kind: 'basic', users: { ann: 'secret' } } })
    using client = new PlainClient(registry.url)
    const ask = async (pair: string) => (await client.send('GET', '/v2/', { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } })).status
    expect([(await client.send('GET', '/v2/')).status, await ask('ann:no'), await ask('ann:secret')]).toEqual([401, 401, 200])
  })
})

test('skopeo, which knows nothing of us, copies an index between two embedded registries, byte for byte', async () => {
  await using source = await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { ann: 'secret' } } })
  await using destination = await startEmbeddedRegistry({ location: 'relative' })
  const content = index({ children: [image({ seed: 1, layers: [5000] }), image({ seed: 2, layers: [6000], platform: { os: 'linux', architecture: 'arm64' } })] })
  for (const [digest, made] of content.blobs) expect(source.putBlob('a/b', made.chunks())).toBe(digest)
  for (const manifest of content.manifests) source.putManifest('a/b', manifest.bytes, manifest.mediaType)
  source.setTag('a/b', 'v1', content.root.digest)
  await run('skopeo', ['copy', '--all', '--src-creds', 'ann:secret', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${source.host}/a/b:v1`, `docker://${destination.host}/c:v2`])
  await assertIntact(destination.url, 'c', 'v2', { expectDigest: content.root.digest, deep: true })
})
