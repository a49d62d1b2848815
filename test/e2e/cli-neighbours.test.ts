// Files that were written for other tools, as they are: what they select, and how they reach registries.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type CorpusEntry, type DockerRegistry, image, index, PlainClient, seed, startDockerRegistry, startRedis } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

const run = promisify(execFile)
const secret = 'hunter2-S3cret'
const login = { username: 'mover', password: secret }
const authorization = `Basic ${Buffer.from(`mover:${secret}`).toString('base64')}`
let folder: string
let source: DockerRegistry
let destination: DockerRegistry
const file = (name: string): string => join(folder, name)

const content = (n: number) => image({ seed: n, layers: [2_000, 300] })
const tags: Readonly<Record<string, readonly string[]>> = {
  'team/redis': ['1.0', '2.0', '3.0'], 'team/nginx': ['1.13.1-alpine-perl', '1.13.2-alpine-perl', '1.14.0-alpine-perl'], 'alpine': ['3.11.0', '3.12.0', '3.12.1', '4.0.0-rc1', 'edge'], 'busybox': ['1', 'latest'],
}
const corpus: readonly CorpusEntry[] = Object.entries(tags).flatMap(([repository, names], r) => names.map((tag, t) => ({ repository, tag, content: r === 3 ? index({ children: [content(90 + t)] }) : content(r * 10 + t) })))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-neighbours-'))
  const users = { mover: secret };
  [source, destination] = await Promise.all([startDockerRegistry({ auth: { kind: 'htpasswd', users } }), startDockerRegistry({ auth: { kind: 'htpasswd', users } })])
  await seed(source.url, corpus, { authorization })
})
afterAll(async () => {
  await Promise.all([source?.[Symbol.asyncDispose](), destination?.[Symbol.asyncDispose]()])
  await rm(folder, { recursive: true, force: true })
})

/** `repository:tag digest` of all that is below `prefix`. */
async function contentOf(registry: DockerRegistry, prefix: string): Promise<readonly string[]> {
  using client = new PlainClient(registry.url, { authorization })
  const get = async (path: string): Promise<Record<string, unknown>> => JSON.parse((await client.send('GET', path)).body.toString()) as Record<string, unknown>
  const lines: string[] = []
  for (const repository of (await get('/v2/_catalog?n=1000'))['repositories'] as string[]) {
    if (!repository.startsWith(`${prefix}/`)) continue
    for (const tag of (await get(`/v2/${repository}/tags/list`))['tags'] as string[]) {
      const { headers } = await client.send('HEAD', `/v2/${repository}/manifests/${tag}`, { headers: { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json' } })
      lines.push(`${repository.slice(prefix.length + 1)}:${tag} ${String(headers['docker-content-digest'])}`)
    }
  }
  return lines.toSorted()
}

const skopeoYaml = (password = secret): string => `${source.host}:
  images:
    team/redis: ["1.0", "2.0"]
    busybox: []
  images-by-tag-regex:
    team/nginx: ^1\\.13\\.[12]-alpine-perl$
  credentials: { username: mover, password: ${password} }
  tls-verify: false
`

describe('skopeo sync YAML', () => {
  const destinationFlags = ['--dest-creds', `mover:${secret}`, '--dest-tls-verify=false']

  test('the same images as the real skopeo copies', async () => {
    await writeFile(file('sync.yaml'), skopeoYaml())
    await writeFile(file('policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}')
    await run('skopeo', ['--policy', file('policy.json'), 'sync', '--all', '--src', 'yaml', '--dest', 'docker', '--dest-creds', `mover:${secret}`, '--dest-tls-verify=false', file('sync.yaml'), `${destination.host}/skopeo`])
    const { code, stdout, stderr } = await longshore(['migrate', file('sync.yaml'), '--to', `${destination.host}/ours`, ...destinationFlags, '--debug', '--report', file('report.json')])
    expect(stdout).toContain('6 copied, 0 already there, 0 failed')
    expect(code).toBe(0)
    const ours = await contentOf(destination, 'ours')
    expect(ours).toHaveLength(6)
    // Ours keeps the path, of which skopeo keeps the last component.
    expect(await contentOf(destination, 'skopeo')).toEqual(ours.map((line) => line.replace('team/', '')).toSorted())
    for (const text of [stdout, stderr, await readFile(file('report.json'), 'utf8')]) expect(text).not.toContain(secret)
  })

  test('plan and verify read it too; the flags win over the file', async () => {
    await writeFile(file('wrong.yaml'), skopeoYaml('not-the-password'))
    const to = ['--to', `${destination.host}/ours`, ...destinationFlags]
    const wrong = await longshore(['plan', file('wrong.yaml'), ...to])
    expect(wrong.code).toBe(1)
    expect(wrong.stdout + wrong.stderr).not.toContain('not-the-password')
    expect((await longshore(['plan', file('wrong.yaml'), ...to, '--src-creds', `mover:${secret}`])).stdout).toContain('6 already there')
    expect((await longshore(['verify', file('sync.yaml'), ...to])).stdout).toContain('6 of 6 are as they should be')
    // TLS is verified after all.
    expect((await longshore(['plan', file('sync.yaml'), ...to, '--src-tls-verify'])).code).toBe(1)
  })
})

describe('image-syncer', () => {
  test('auth and images belong together, and need no flags', async () => {
    await writeFile(file('auth.json'), `{ // who logs in where\n  "${source.host}": ${JSON.stringify({ ...login, insecure: true })},\n  "${destination.host}": { "username": "mover", "password": "$MOVER_PASS", "insecure": true } }`)
    await writeFile(file('images.json'), JSON.stringify({
      [`${source.host}/team/redis:1.0,3.0`]: `${destination.host}/is/redis:old,new`, [`${source.host}/alpine:/^3\\.12/`]: [`${destination.host}/is/alpine`, `${destination.host}/is/alpine2`],
    }))
    const { code, stdout, stderr } = await longshore(['migrate', file('auth.json'), file('images.json')], { env: { MOVER_PASS: secret } })
    expect(stderr).not.toMatch(/warning/)
    expect(stdout).toContain('6 copied, 0 already there, 0 failed')
    expect(code).toBe(0)
    expect((await contentOf(destination, 'is')).map((line) => line.split(' ')[0])).toEqual(['alpine2:3.12.0', 'alpine2:3.12.1', 'alpine:3.12.0', 'alpine:3.12.1', 'redis:new', 'redis:old'])
    expect(stdout + stderr).not.toContain(secret)
  })
})

describe('regsync and dregsy', () => {
  test('regsync', async () => {
    await writeFile(file('regsync.yaml'), `version: 1
creds:
- { registry: '${source.host}', tls: disabled, user: mover, pass: '{{ file "${file('token')}" }}' }
- { registry: '${destination.host}', tls: disabled, user: mover, pass: '{{ env "MOVER_PASS" }}' }
sync:
- { source: '${source.host}/alpine', target: '${destination.host}/rg/alpine', type: repository, tags: { allow: ['3\\..*'], deny: ['3\\.11.*'] } }
- { source: '${source.host}/busybox', target: '${destination.host}/rg/busybox:copy', type: image }
`)
    await writeFile(file('token'), `${secret}\n`)
    const { code, stdout } = await longshore(['migrate', file('regsync.yaml')], { env: { MOVER_PASS: secret } })
    expect(stdout).toContain('3 copied')
    expect(code).toBe(0)
    expect((await contentOf(destination, 'rg')).map((line) => line.split(' ')[0])).toEqual(['alpine:3.12.0', 'alpine:3.12.1', 'busybox:copy'])
  })

  test('dregsy', async () => {
    const auth = Buffer.from(JSON.stringify(login)).toString('base64')
    await writeFile(file('dregsy.yaml'), `tasks:
- name: t
  source: { registry: '${source.host}', auth: ${auth}, skip-tls-verify: true }
  target: { registry: '${destination.host}', auth: ${auth}, skip-tls-verify: true }
  mappings:
  - { from: 'regex:team/.*', to: 'regex:team/,dr/', tags: ['semver: >=2.0.0', 'keep: latest 1'] }
`)
    const { code, stdout, stderr } = await longshore(['migrate', file('dregsy.yaml')])
    expect(stdout).toContain('1 copied')
    expect(code).toBe(0)
    expect((await contentOf(destination, 'dr')).map((line) => line.split(' ')[0])).toEqual(['redis:3.0'])
    expect(stdout + stderr).not.toContain(auth)
  })
})

describe('convert', () => {
  test('stdout is the YAML, and the same images are there already', async () => {
    const { code, stdout, stderr } = await longshore(['convert', file('sync.yaml'), '--to', `${destination.host}/ours`])
    expect(code).toBe(0)
    expect(stderr).toContain(`warning: ${file('sync.yaml')}:1: the credentials for ${source.host} are left out: podman login, docker login, or --src-creds`)
    expect(stderr).toContain('give --src-tls-verify=false')
    expect(stdout + stderr).not.toContain(secret)
    await writeFile(file('native.yaml'), stdout)
    const plan = await longshore(['plan', file('native.yaml'), '--format', 'yaml', '--src-creds', `mover:${secret}`, '--dest-creds', `mover:${secret}`, '--src-tls-verify=false', '--dest-tls-verify=false'])
    expect(plan.stdout).toContain('images          6: 0 to copy, 6 already there')
  })
})

describe('credentials stay in this process', () => {
  test.each([
    ['over Redis', async () => {
      await using redis = await startRedis()
      return await longshore(['migrate', file('sync.yaml'), '--to', destination.host, '--redis', redis.url])
    }, /with --redis the workers reach the registries, with credentials and certificates of their own: take those for 127\.0\.0\.1:\d+ \(.*sync\.yaml:1\) out/],
    ['by way of a coordinator', async () => await longshore(['submit', file('sync.yaml'), '--to', destination.host, '--server', 'http://127.0.0.1:1']), /credentials and certificates never travel to a coordinator: take those for/],
  ])('%s', async (_, start, message) => {
    const { code, stdout, stderr } = await start()
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stdout + stderr).not.toContain(secret)
  })

  test('workers that are started here are given them, and Redis is not', async () => {
    await using redis = await startRedis()
    const { code, stdout, stderr } = await longshore(['migrate', file('sync.yaml'), '--to', `${destination.host}/pooled`, '--redis', redis.url, '--workers', '1',
      '--src-tls-verify=false', '--dest-tls-verify=false', '--dest-creds', `mover:${secret}`])
    expect(stdout).toContain('6 copied, 0 already there, 0 failed')
    expect(code).toBe(0)
    const kept = await run('redis-cli', ['-u', redis.url, '--rdb', file('dump.rdb')]).then(() => readFile(file('dump.rdb')))
    // The record of the migration is there, its names compressed perhaps; a password of this length would stand as it is.
    expect(kept.length).toBeGreaterThan(500)
    const values: string[] = []
    for (const key of (await run('redis-cli', ['-u', redis.url, 'KEYS', '*'])).stdout.trim().split('\n')) {
      const type = (await run('redis-cli', ['-u', redis.url, 'TYPE', key])).stdout.trim()
      const command = { string: ['GET', key], hash: ['HGETALL', key], list: ['LRANGE', key, '0', '-1'], set: ['SMEMBERS', key], zset: ['ZRANGE', key, '0', '-1'], stream: ['XRANGE', key, '-', '+'] }[type]
      if (command) values.push((await run('redis-cli', ['-u', redis.url, ...command])).stdout)
    }
    expect(values.join('')).toContain(source.host)
    expect(values.join('') + kept.toString('latin1') + stdout + stderr).not.toContain(secret)
  }, 120_000)

  test('that TLS is not verified has to be said by a flag', async () => {
    await writeFile(file('insecure.yaml'), `${source.host}: { tls-verify: false, images: { busybox: ['1'] } }`)
    const { code, stderr } = await longshore(['submit', file('insecure.yaml'), '--to', destination.host, '--server', 'http://127.0.0.1:1'])
    expect(code).toBe(2)
    expect(stderr).toContain(`switches the verification of TLS off for ${source.host}, and the workers know one way for all of a side: say it with --src-tls-verify=false`)
  })
})
