// The real servers behind the door, and what checks them: the corpus over HTTP, tokens, TLS.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { manifestMediaTypes } from '@longshore/oci'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  artifact, assertIntact, blobOf, type Corpus, ensureServers, image, index, PlainClient, referrersFallback, schema1Image, seed, selfSignedCert, startDockerRegistry,
  startEmbeddedRegistry, startRedis, startTokenServer,
} from './index.ts'

const run = promisify(execFile)

const oci = image({ seed: 'a', layers: [70_000, 300_000] })
const docker = image({ seed: 'b', layers: [1000], format: 'docker', platform: { os: 'linux', architecture: 'arm64' } })
const listed = index({ children: [oci, docker], attestations: true })
const nested = index({ children: [listed] })
const sbom = artifact({ seed: 's', artifactType: 'application/spdx+json', mediaType: 'application/spdx+json', size: 500, subject: oci.root })
const fallback = referrersFallback(oci.root.digest, [sbom])
const foreign = image({ seed: 'f', layers: [100, 200], format: 'docker', foreignUrl: 'https://example.com/layer' })
const corpus: Corpus = [
  { repository: 'a/one', tag: 'oci', content: oci },
  { repository: 'a/one', tag: fallback.tag, content: fallback.content },
  { repository: 'b/two', tag: 'index', content: listed },
  { repository: 'b/two', tag: 'nested', content: nested },
  { repository: 'c', tag: 'foreign', content: foreign },
]

beforeAll(ensureServers)

describe('seeding and walking', () => {
  test.each(['embedded', 'docker-registry'] as const)('%s takes the corpus, whole and byte for byte', async (kind) => {
    await using registry = kind === 'embedded' ? await startEmbeddedRegistry() : await startDockerRegistry()
    await seed(registry.url, corpus)
    for (const { repository, tag = '', content } of corpus) {
      await assertIntact(registry.url, repository, tag, { expectDigest: content.root.digest, deep: true })
      const { stdout } = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/${repository}:${tag}`], { encoding: 'buffer' })
      expect(stdout.equals(content.root.bytes)).toBe(true)
    }
    await expect(assertIntact(registry.url, 'a/one', 'oci', { expectDigest: docker.root.digest })).rejects.toThrow(docker.root.digest)
    await expect(assertIntact(registry.url, 'a/one', 'absent')).rejects.toThrow('404')
  })

  test('a registry keeps port and content when it is restarted', async () => {
    await using registry = await startDockerRegistry()
    await seed(registry.url, corpus.slice(0, 1))
    await registry.stop()
    await expect(assertIntact(registry.url, 'a/one', 'oci')).rejects.toThrow('ECONNREFUSED')
    await registry.restart()
    await assertIntact(registry.url, 'a/one', 'oci', { deep: true })
    await registry.stop()
    await expect(assertIntact(registry.url, 'a/one', 'oci')).rejects.toThrow('ECONNREFUSED')
  })

  test('schema 1, signed, is taken by both where it is asked for, and its digest is over the payload', async () => {
    const content = schema1Image({ seed: 1, name: 'old', tag: 'v1', layers: [300, 400] })
    await using real = await startDockerRegistry({ schema1: true })
    await using embedded = await startEmbeddedRegistry({ schema1: true })
    for (const { url } of [real, embedded]) {
      await seed(url, [{ repository: 'old', tag: 'v1', content }])
      await assertIntact(url, 'old', 'v1', { expectDigest: content.root.digest, deep: true })
    }
    await using refusing = await startEmbeddedRegistry()
    await expect(seed(refusing.url, [{ repository: 'old', tag: 'v1', content }])).rejects.toThrow('MANIFEST_INVALID')
  })
})

describe('access', () => {
  test('htpasswd: the right password opens, a wrong one does not', async () => {
    await using registry = await startDockerRegistry({ auth: { kind: 'htpasswd', users: { ann: 'secret' } } })
    const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`
    await seed(registry.url, corpus.slice(0, 1), { authorization: basic('ann:secret') })
    await expect(assertIntact(registry.url, 'a/one', 'oci', { authorization: basic('ann:wrong') })).rejects.toThrow('401')
  })

  test('tokens that the token server signs are good for their scope at docker-registry, and for nothing else', async () => {
    await using tokens = await startTokenServer({ users: { ann: 'secret' } })
    await using registry = await startDockerRegistry({ auth: { kind: 'token', server: tokens } })
    using client = new PlainClient(registry.url)
    const challenge = await client.send('GET', '/v2/')
    expect(challenge.status).toBe(401)
    expect(challenge.headers['www-authenticate']).toContain(`realm="${tokens.realm}",service="${tokens.service}"`)
    const tokenFor = async (scope: string): Promise<string> => {
      const headers = { authorization: `Basic ${Buffer.from('ann:secret').toString('base64')}` }
      const answer = await client.send('GET', `${tokens.realm}?service=${tokens.service}&scope=${scope}`, { headers })
      return `Bearer ${(JSON.parse(answer.body.toString()) as { token: string }).token}`
    }
    const push = await tokenFor('repository:a/one:pull,push')
    await seed(registry.url, corpus.slice(0, 1), { authorization: push })
    await assertIntact(registry.url, 'a/one', 'oci', { authorization: push, deep: true })
    await expect(seed(registry.url, corpus.slice(2, 3), { authorization: push })).rejects.toThrow('401')
    const wrong = await client.send('GET', tokens.realm, { headers: { authorization: `Basic ${Buffer.from('ann:no').toString('base64')}` } })
    expect(wrong.status).toBe(401)
    const login = await run('skopeo', ['list-tags', '--creds', 'ann:secret', '--tls-verify=false', `docker://${registry.host}/a/one`])
    expect(JSON.parse(login.stdout)).toMatchObject({ Tags: ['oci'] })
  })

  test.each(['embedded', 'docker-registry'] as const)('%s speaks TLS with the certificates made here, and can demand one', async (kind) => {
    const certs = await selfSignedCert()
    const start = async (clientCa?: string) => {
      const tls = { ...certs.server, ...(clientCa === undefined ? {} : { clientCa }) }
      return kind === 'embedded' ? startEmbeddedRegistry({ tls }) : startDockerRegistry({ tls })
    }
    await using registry = await start()
    await seed(registry.url, corpus.slice(0, 1), { ca: certs.ca })
    await assertIntact(registry.url, 'a/one', 'oci', { ca: certs.ca })
    await expect(assertIntact(registry.url, 'a/one', 'oci')).rejects.toThrow(/certificate/)
    await using strict = await start(certs.ca)
    using stranger = new PlainClient(strict.url, { ca: certs.ca })
    await expect(stranger.send('GET', '/v2/')).rejects.toThrow()
    using known = new PlainClient(strict.url, { ca: certs.ca, clientCertificate: certs.client })
    expect((await known.send('GET', '/v2/')).status).toBe(200)
  })

  test('Redis answers', async () => {
    await using redis = await startRedis()
    expect((await run('redis-cli', ['-p', String(redis.port), 'config', 'get', 'maxmemory-policy'])).stdout).toContain('noeviction')
  })
})

test('both registries answer alike what a client depends on', async () => {
  await using real = await startDockerRegistry()
  await using embedded = await startEmbeddedRegistry({ referrersApi: false, singlePost: false })
  const answers = async (url: string): Promise<readonly string[]> => {
    await seed(url, corpus)
    using client = new PlainClient(url)
    const layer = blobOf(Buffer.from('own'))
    const [blob] = [...oci.blobs.keys()]
    const absent = `sha256:${'0'.repeat(64)}`
    const seen: string[] = []
    const ask = async (method: string, path: string, headers: Record<string, string> = {}, body?: Uint8Array): Promise<void> => {
      const { status, body: text } = await client.send(method, path, { headers, ...(body ? { body } : {}) })
      const code = /"code":"([A-Z_]+)"/.exec(text.toString())?.[1] ?? ''
      seen.push(`${method} ${path} ${status} ${code}`)
    }
    await ask('GET', '/v2/')
    await ask('POST', `/v2/new/one/blobs/uploads/?mount=${blob}&from=a/one`)
    await ask('POST', `/v2/a/one/blobs/uploads/?mount=${blob}&from=a/one`)
    await ask('POST', `/v2/a/one/blobs/uploads/?mount=${absent}&from=a/one`)
    await ask('POST', `/v2/new/two/blobs/uploads/?mount=${blob}&from=no/such`)
    await ask('POST', `/v2/new/two/blobs/uploads/?digest=${layer.digest}`, {}, Buffer.from('own'))
    await ask('HEAD', `/v2/unrelated/blobs/${blob}`)
    await ask('GET', `/v2/a/one/blobs/${absent}`)
    await ask('GET', '/v2/a/one/manifests/absent', { accept: manifestMediaTypes.join() })
    await ask('GET', '/v2/a/one/manifests/oci', { accept: 'application/vnd.docker.distribution.manifest.v2+json' })
    await ask('GET', '/v2/no/such/tags/list')
    await ask('GET', '/v2/new/one/tags/list')
    await ask('GET', `/v2/a/one/referrers/${absent}`)
    await ask('PUT', '/v2/empty/manifests/t', { 'content-type': oci.root.mediaType }, oci.root.bytes)
    await ask('PUT', '/v2/empty/manifests/t', { 'content-type': listed.root.mediaType }, listed.root.bytes)
    await ask('PUT', `/v2/a/one/manifests/${absent}`, { 'content-type': oci.root.mediaType }, oci.root.bytes)
    await ask('GET', `/v2/a/one/blobs/${blob}`, { range: 'bytes=2-' })
    return seen
  }
  expect(await answers(embedded.url)).toEqual(await answers(real.url))
})
