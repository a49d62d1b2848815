// copy and sync beside Debian's own skopeo: the same inputs, and then the same output and the same content.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { digestOf, isDigest, parseTag } from '@longshore/oci'
import { artifact, type DockerRegistry, image, index, layer, PlainClient, seed, startDockerRegistry, walkImage } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Finished, longshore } from './cli-process.ts'

const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
let source: DockerRegistry
let folder: string

/** Two Docker images that share a layer, an OCI image, a list of two platforms with attestations, an artifact. */
const corpus = (() => {
  const app = image({ seed: 'app-1', format: 'docker', layers: [layer({ seed: 'base', size: 30_000 }), layer({ seed: 'app-1', size: 9_000 })] })
  const next = image({ seed: 'app-2', format: 'docker', layers: [layer({ seed: 'base', size: 30_000 }), layer({ seed: 'app-2', size: 8_000 })] })
  const oci = image({ seed: 'oci', format: 'oci', layers: [layer({ seed: 'base', size: 30_000 })] })
  const amd64 = image({ seed: 'amd64', format: 'oci', layers: [layer({ seed: 'x', size: 5_000 })], platform: { os: 'linux', architecture: 'amd64' } })
  const arm64 = image({ seed: 'arm64', format: 'oci', layers: [layer({ seed: 'y', size: 5_000 })], platform: { os: 'linux', architecture: 'arm64' } })
  const list = index({ children: [amd64, arm64] })
  return [
    { repository: 'team/app', tag: parseTag('1'), content: app }, { repository: 'team/app', tag: parseTag('2'), content: next },
    { repository: 'other/tool', tag: parseTag('1'), content: oci }, { repository: 'multi', tag: parseTag('latest'), content: list },
  ]
})()

/** Output and exit code of the real skopeo, without the policy of the machine. */
function skopeo(args: readonly string[]): Promise<Finished> {
  return new Promise((done) => {
    execFile('skopeo', ['--insecure-policy', ...args], { env: { PATH: process.env['PATH'], HOME: folder } }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}
const ours = (args: readonly string[]): Promise<Finished> => longshore([args[0] ?? '', '--insecure-policy', ...args.slice(1)], { env: { HOME: folder } })

/** Every file below a directory: its path, and the hash of what is in it. */
function filesIn(directory: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return [relative(directory, path), digestOf(readFileSync(path))] as const
  }).sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function rawManifest(url: string, repository: string, reference: string): Promise<string> {
  using client = new PlainClient(url)
  const { body, status } = await client.send('GET', `/v2/${repository}/manifests/${reference}`, { headers: { accept: '*/*,application/vnd.docker.distribution.manifest.v2+json,application/vnd.docker.distribution.manifest.list.v2+json,application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json' } })
  return status === 200 ? digestOf(body) : `status ${status}`
}

beforeAll(async () => {
  source = await startDockerRegistry()
  await seed(source.url, corpus)
  // Layers of the others are no archives, which only what unpacks them minds.
  const work = await mkdtemp(join(tmpdir(), 'longshore-real-'))
  await writeFile(join(work, 'file'), 'content')
  execFileSync('tar', ['-C', work, '-cf', join(work, 'layer.tar'), 'file'])
  execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', '--format', 'v2s2', '--dest-tls-verify=false', `tarball:${work}/layer.tar`, `docker://${source.host}/real:1`])
  await rm(work, { recursive: true })
})
afterAll(async () => { await source?.[Symbol.asyncDispose]() })
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-copy-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })
const at = (name: string): string => `docker://${source.host}/${name}`

describe('copy from a registry', () => {
  test.for([
    ['team/app:1', []], ['other/tool:1', []], ['multi', ['--override-arch=arm64']], ['multi', ['--all']],
  ] as const)('%s to dir: %s is what skopeo writes', async ([name, flags]) => {
    const [mine, theirs] = await Promise.all([
      ours(['copy', ...insecure, ...flags, at(name), `dir:${folder}/mine`]), skopeo(['copy', ...insecure, ...flags, at(name), `dir:${folder}/theirs`]),
    ])
    expect([mine.code, theirs.code], mine.stderr + theirs.stderr).toEqual([0, 0])
    expect(filesIn(`${folder}/mine`)).toEqual(filesIn(`${folder}/theirs`))
  })

  test('its lines are skopeo\'s', async () => {
    const mine = await ours(['copy', ...insecure, at('team/app:1'), `dir:${folder}/mine`])
    const theirs = await skopeo(['copy', ...insecure, at('team/app:1'), `dir:${folder}/theirs`])
    // Blobs arrive side by side: their lines come in any order, between the first and the last three.
    const sorted = (text: string): readonly string[] => text.split('\n').sort()
    expect(sorted(mine.stdout)).toEqual(sorted(theirs.stdout))
    expect(mine.stdout.split('\n').slice(-4)).toEqual(theirs.stdout.split('\n').slice(-4))
    expect(mine.stderr).toBe('')
    expect((await ours(['copy', '-q', ...insecure, at('team/app:1'), `dir:${folder}/quiet`])).stdout).toBe('')
  })

  test.for(['oci', 'oci-archive', 'docker-archive'] as const)('to %s: skopeo reads the same image from it', async (transport) => {
    const name = transport === 'docker-archive' ? 'real:1' : 'team/app:1'
    const reference = transport === 'docker-archive' ? 'example.com/app:1' : 'v1'
    const mine = await ours(['copy', ...insecure, at(name), `${transport}:${folder}/mine:${reference}`])
    expect(mine.stderr).toBe('')
    expect(mine.code).toBe(0)
    const theirs = await skopeo(['copy', ...insecure, at(name), `${transport}:${folder}/theirs:${reference}`])
    expect(theirs.code, theirs.stderr).toBe(0)
    const read = async (side: string): Promise<unknown> => {
      const { stdout, stderr, code } = await skopeo(['inspect', '--raw', `${transport}:${folder}/${side}:${reference}`])
      expect(code, stderr).toBe(0)
      return JSON.parse(stdout)
    }
    expect(await read('mine')).toEqual(await read('theirs'))
  })

  test('the digest is written, and --additional-tag is too', async () => {
    await using destination = await startDockerRegistry()
    const to = `docker://${destination.host}/a/b`
    const { code, stderr } = await ours(['copy', ...insecure, '--digestfile', `${folder}/digest`, '--additional-tag', `${destination.host}/a/b:extra`, at('team/app:1'), `${to}:1`])
    expect(code, stderr).toBe(0)
    expect(readFileSync(`${folder}/digest`, 'utf8')).toBe(corpus[0]?.content.root.digest)
    expect(await rawManifest(destination.url, 'a/b', 'extra')).toBe(corpus[0]?.content.root.digest)
    expect((await ours(['copy', ...insecure, at('team/app:1'), `${to}:1`])).code).toBe(0)
  })

  test('a list alone, and some platforms of it', async () => {
    const alone = await ours(['copy', ...insecure, '--multi-arch=index-only', at('multi'), `dir:${folder}/alone`])
    expect(alone.code, alone.stderr).toBe(0)
    expect(Object.keys(filesIn(`${folder}/alone`))).toEqual(['manifest.json', 'version'])
    const some = await ours(['copy', ...insecure, '--multi-arch=linux/arm64', at('multi'), `dir:${folder}/some`])
    expect(some.code, some.stderr).toBe(0)
    expect(Object.keys(filesIn(`${folder}/some`)).filter((file) => file.endsWith('.manifest.json'))).toHaveLength(1)
    const both = await ours(['copy', ...insecure, '--all', '--multi-arch=all', at('multi'), `dir:${folder}/both`])
    expect(both.code).toBe(1)
    expect(both.stderr).toContain('Cannot use --all and --multi-arch flags together')
  })

  test.for([
    [['team/app:none'], 'manifest unknown', 2], [['no/such:1'], 'unknown', 2], [['team/app:1@sha256:00'], 'Invalid source name', 1],
  ] as const)('%s fails as skopeo does', async ([[name], words, code]) => {
    const [mine, theirs] = await Promise.all([ours(['copy', ...insecure, at(name), `dir:${folder}/mine`]), skopeo(['copy', ...insecure, at(name), `dir:${folder}/theirs`])])
    expect(mine.stderr).toContain('level=fatal')
    expect(mine.stderr).toContain(words)
    expect(theirs.stderr).toContain(words)
    // 1.9.3 ends with 1 in every case.
    expect([mine.code, theirs.code]).toEqual([code, 1])
    expect(existsSync(`${folder}/mine/manifest.json`)).toBe(false)
  })
})

test('an image of a storage tree is called by its repository; its tag is latest where none is written', async () => {
  const whole = await ours(['copy', ...insecure, at('team/app:1'), `registry-storage:${folder}/tree`])
  expect(whole.code).toBe(1)
  expect(whole.stderr).toContain('the repository is missing: registry-storage:PATH:REPOSITORY[:TAG]')
  expect(existsSync(`${folder}/tree`)).toBe(false)
  expect((await ours(['inspect', `registry-storage:${folder}/tree`])).stderr).toContain('the repository is missing')
  expect(await ours(['copy', ...insecure, at('team/app:1'), `registry-storage:${folder}/tree:a/b`])).toMatchObject({ code: 0 })
  for (const name of ['a/b', 'a/b:latest']) expect(await ours(['inspect', '--raw', `registry-storage:${folder}/tree:${name}`])).toMatchObject({ code: 0 })
})

describe('sync', () => {
  test.for([[true], [false]])('a repository to directories, scoped %s, as skopeo lays them out', async ([scoped]) => {
    const flags = ['--src', 'docker', '--dest', 'dir', '--src-tls-verify=false', ...scoped === true ? ['--scoped'] : []]
    const mine = await ours(['sync', ...flags, `${source.host}/team/app`, `${folder}/mine`])
    const theirs = await skopeo(['sync', ...flags, `${source.host}/team/app`, `${folder}/theirs`])
    expect([mine.code, theirs.code], mine.stderr).toEqual([0, 0])
    expect(filesIn(`${folder}/mine`)).toEqual(filesIn(`${folder}/theirs`))
    expect(mine.stderr).toContain('Synced 2 images from 1 sources')
    // Again: nothing to do, and no directory in the way.
    const again = await ours(['sync', ...flags, `${source.host}/team/app`, `${folder}/mine`])
    expect(again.code, again.stderr).toBe(0)
  })

  test('directories to a registry, and back to the same digests', async () => {
    await using destination = await startDockerRegistry()
    expect((await skopeo(['sync', '--all', '--src', 'docker', '--dest', 'dir', '--scoped', '--src-tls-verify=false', `${source.host}/team/app`, `${folder}/media`])).code).toBe(0)
    const { code, stderr } = await ours(['sync', '--all', '--src', 'dir', '--dest', 'docker', '--dest-tls-verify=false', '--append-suffix=-x', `${folder}/media`, `${destination.host}/mirror`])
    expect(code, stderr).toBe(0)
    expect(await rawManifest(destination.url, 'mirror/app', '1-x')).toBe(corpus[0]?.content.root.digest)
    expect(await rawManifest(destination.url, 'mirror/app', '2-x')).toBe(corpus[1]?.content.root.digest)
  })

  test('what a YAML file chooses, beside skopeo', async () => {
    await using mineTo = await startDockerRegistry()
    await using theirsTo = await startDockerRegistry()
    await writeFile(`${folder}/sync.yaml`, `${source.host}:\n  tls-verify: false\n  images:\n    other/tool: []\n    multi: [latest]\n  images-by-tag-regex:\n    team/app: ^2$\n`)
    const flags = (to: DockerRegistry): readonly string[] => ['sync', '--all', '--src', 'yaml', '--dest', 'docker', '--dest-tls-verify=false', `${folder}/sync.yaml`, `${to.host}/m`]
    const mine = await ours(flags(mineTo))
    expect(mine.code, mine.stderr).toBe(0)
    expect((await skopeo(flags(theirsTo))).code).toBe(0)
    for (const [repository, tag] of [['m/tool', '1'], ['m/multi', 'latest'], ['m/app', '2']] as const) {
      const there = await rawManifest(mineTo.url, repository, tag)
      expect(isDigest(there), `${repository}:${tag} ${there}`).toBe(true)
      expect(there).toBe(await rawManifest(theirsTo.url, repository, tag))
    }
    expect(await rawManifest(mineTo.url, 'm/app', '1')).toContain('404')
  })

  test('two images in one place are refused, and nothing is written', async () => {
    await using destination = await startDockerRegistry()
    await seed(source.url, [{ repository: 'third/app', tag: parseTag('1'), content: artifact({ seed: 'z', artifactType: 'x/y', mediaType: 'x/z', size: 100 }) }])
    await writeFile(`${folder}/sync.yaml`, `${source.host}:\n  tls-verify: false\n  images:\n    team/app: ["1"]\n    third/app: ["1"]\n`)
    const { code, stderr } = await ours(['sync', '--src', 'yaml', '--dest', 'docker', '--dest-tls-verify=false', `${folder}/sync.yaml`, destination.host])
    expect(code).toBe(1)
    expect(stderr).toContain('both docker://')
    expect(stderr).toContain('--scoped')
    using client = new PlainClient(destination.url)
    expect(JSON.parse((await client.send('GET', '/v2/_catalog')).body.toString())).toEqual({ repositories: [] })
  })

  test('a dry run names everything and makes no directory', async () => {
    const { code, stderr } = await ours(['sync', '--dry-run', '--src', 'docker', '--dest', 'dir', '--src-tls-verify=false', `${source.host}/team/app`, `${folder}/mine`])
    expect(code).toBe(0)
    expect(stderr).toContain('Would have copied image ref 1/2')
    expect(stderr).toContain('Would have synced 2 images from 1 sources')
    expect(existsSync(`${folder}/mine`)).toBe(false)
  })

  test('what cannot be listed counts in the exit code, and the others are copied', async () => {
    await using destination = await startDockerRegistry()
    await writeFile(`${folder}/sync.yaml`, `${source.host}:\n  tls-verify: false\n  images:\n    not/there: []\n    other/tool: ["1"]\n`)
    const { code, stderr } = await ours(['sync', '--src', 'yaml', '--dest', 'docker', '--dest-tls-verify=false', `${folder}/sync.yaml`, destination.host])
    expect(code).toBe(1)
    expect(stderr).toContain('Error processing repo')
    expect(await rawManifest(destination.url, 'tool', '1')).toBe(corpus[2]?.content.root.digest)
  })

  test('--keep-going copies the others and ends with 1', async () => {
    await using destination = await startDockerRegistry()
    await writeFile(`${folder}/sync.yaml`, `${source.host}:\n  tls-verify: false\n  images:\n    team/app: [none]\n    other/tool: ["1"]\n`)
    const { code, stderr } = await ours(['sync', '--keep-going', '--src', 'yaml', '--dest', 'docker', '--dest-tls-verify=false', `${folder}/sync.yaml`, destination.host])
    expect(code).toBe(1)
    expect(stderr).toContain('Error copying ref')
    expect(stderr).toContain('Sync failed due to previous reported error(s) for one or more images')
    expect(await rawManifest(destination.url, 'tool', '1')).toBe(corpus[2]?.content.root.digest)
  })

  test('a docker-registry\'s own files to another registry, and from a list to a smaller tree', async () => {
    await using destination = await startDockerRegistry()
    await writeFile(`${folder}/list.txt`, 'team/app:1\nmulti\n')
    const down = await longshore(['migrate', `${folder}/list.txt`, '--from', source.host, '--to', `registry-storage:${folder}/tree`, ...insecure])
    expect(down.code, down.stderr).toBe(0)
    await writeFile(`${folder}/less.txt`, 'multi\n')
    const less = await longshore(['migrate', `${folder}/less.txt`, '--from', `registry-storage:${folder}/tree`, '--to', `registry-storage:${folder}/less`])
    expect(less.code, less.stderr).toBe(0)
    // What failed is fed back in, as it was printed.
    const lost = await longshore(['migrate', `${folder}/less.txt`, '--from', `registry-storage:${folder}/none`, '--to', `registry-storage:${folder}/late`, '--failed', `${folder}/failed.txt`])
    expect(lost.code).toBe(1)
    await rename(`${folder}/less`, `${folder}/none`)
    const again = await longshore(['migrate', `${folder}/failed.txt`])
    expect(again.code, again.stderr).toBe(0)
    await rename(`${folder}/none`, `${folder}/less`)
    const up = await ours(['sync', '--all', '--src', 'registry-storage', '--dest', 'docker', '--scoped', '--dest-tls-verify=false', `${folder}/tree`, `${destination.host}/up`])
    expect(up.code, up.stderr).toBe(0)
    expect(await rawManifest(destination.url, 'up/team/app', '1')).toBe(corpus[0]?.content.root.digest)
    expect(await rawManifest(destination.url, 'up/multi', 'latest')).toBe(corpus[3]?.content.root.digest)
    await using served = await startDockerRegistry({ rootDirectory: `${folder}/less` })
    using client = new PlainClient(served.url)
    expect((await walkImage(client, 'multi', 'latest', { deep: true })).problems).toEqual([])
  })
})
