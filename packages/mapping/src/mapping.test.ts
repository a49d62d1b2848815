import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSpec, expand } from '@longshore/spec'
import { readRegistriesConf } from '@longshore/registries-conf'
import { parse as parseToml } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { folderOf } from './containerd.ts'
import { createMapping, type Mapping, type MappingOptions } from './mapping.ts'
import type { MappedImage } from './mapped-image.ts'

async function mapped(list: string, options: MappingOptions = {}, to: readonly string[] = ['new.io/m']): Promise<Mapping> {
  const { migration } = await parseSpec({ name: 'list', content: list }, { to })
  const images: MappedImage[] = []
  for await (const event of expand(migration, () => { throw new Error('a registry is asked') }, { signal: new AbortController().signal, concurrency: 1 })) {
    if (event.kind === 'image') images.push({ ...event.image, ...(event.tag === undefined ? {} : { tag: event.tag }) })
  }
  return createMapping(images, options)
}
const digest = `sha256:${'a'.repeat(64)}`
const whyOf = ({ exceptions }: Mapping, form: keyof Mapping['exceptions']): readonly string[] => exceptions[form].map(({ old, new: now, why }) => `${old} -> ${now}: ${why}`)

/** Where a file's hosts would be asked for a manifest. */
function urlsOf(text: string, repository: string): readonly string[] {
  const { host = {}, server } = parseToml(text) as unknown as { host?: Record<string, { override_path?: boolean; capabilities: readonly string[] }>; server: string }
  return [...Object.entries(host).map(([url, { override_path: overrides }]) => `${url}${overrides === true ? '' : '/v2'}/${repository}`), `${server}/v2/${repository}`]
}

describe('csv', () => {
  test('old, new, and the digest where it is known, by name', async () => {
    expect((await mapped(`quay.io/b/c:1 x/y:2\nlibrary/a@${digest}\nlibrary/a:1@${digest}\nz:3\n`)).texts.csv).toBe([
      'old,new,digest', 'docker.io/library/a:1,new.io/m/library/a:1,' + digest, `docker.io/library/a@${digest},new.io/m/library/a@${digest},${digest}`,
      'docker.io/library/z:3,new.io/m/z:3,', 'quay.io/b/c:1,new.io/m/x/y:2,', '',
    ].join('\n'))
  })
  test('what has a comma or a quotation mark is quoted', () => {
    const end = { registry: 'registry-storage:/a, "b"', repository: 'c', reference: '1' } as unknown as MappedImage['source']
    expect(createMapping([{ source: end, destination: { ...end, registry: 'n.io' } }]).texts.csv).toBe('old,new,digest\n"registry-storage:/a, ""b""/c:1",n.io/c:1,\n')
  })
  test('each of several destinations has its line', async () => expect((await mapped('r.io/a:1\n', {}, ['x.io', 'y.io/p'])).texts.csv).toBe('old,new,digest\nr.io/a:1,x.io/a:1,\nr.io/a:1,y.io/p/a:1,\n'))
})

describe('containerd', () => {
  test.each([['docker.io', 'docker.io'], ['r.io:5000', 'r.io_5000_'], ['localhost:5000', 'localhost_5000_'], ['127.0.0.1:1', '127.0.0.1_1_']])('%s is in %s', (registry, folder) => expect(folderOf(registry)).toBe(folder))

  test('a prefix is a path that stands in place of /v2; without one there is none', async () => {
    const { files } = await mapped('library/nginx:1\nquay.io/a/b:1\n')
    expect(urlsOf(files.get('containerd/certs.d/docker.io/hosts.toml') ?? '', 'library/nginx')).toEqual(['https://new.io/v2/m/library/nginx', 'https://registry-1.docker.io/v2/library/nginx'])
    expect(urlsOf(files.get('containerd/certs.d/quay.io/hosts.toml') ?? '', 'a/b')).toEqual(['https://new.io/v2/m/a/b', 'https://quay.io/v2/a/b'])
    expect(urlsOf((await mapped('r.io:5000/a:1', {}, ['new.io:8443'])).files.get('containerd/certs.d/r.io_5000_/hosts.toml') ?? '', 'a')).toEqual(['https://new.io:8443/v2/a', 'https://r.io:5000/v2/a'])
  })
  test('several prefixes and destinations stand in order of what they hold; a mirror resolves tags, and is not pushed to', async () => {
    const { texts } = await mapped('r.io/a:1 p/a:1\nr.io/b:1 q/b:1\nr.io/c:1 q/c:1\n', { insecure: true })
    expect(urlsOf(texts.containerd, 'x')).toEqual(['https://new.io/v2/m/q/x', 'https://new.io/v2/m/p/x', 'https://r.io/v2/x'])
    expect(Object.values((parseToml(texts.containerd) as { host: object }).host)).toEqual(Array.from({ length: 2 }, () => ({ capabilities: ['pull', 'resolve'], override_path: true, skip_verify: true })))
  })
  test('what was renamed, or has another tag, is told in the file; nothing but that makes no file', async () => {
    const mapping = await mapped('nginx:1\nlibrary/redis:1\nquay.io/a/b:1 z:1\nr.io/x:1 new.io/m/x:2\n')
    expect(whyOf(mapping, 'containerd')).toEqual([
      'docker.io/library/nginx:1 -> new.io/m/nginx:1: its repository was renamed', 'quay.io/a/b:1 -> new.io/m/z:1: its repository was renamed', 'r.io/x:1 -> new.io/m/x:2: its tag is another one there',
    ])
    for (const why of whyOf(mapping, 'containerd')) expect(mapping.texts.containerd).toContain(`#   ${why}\n`)
    expect([...mapping.files.keys()].filter((name) => name.includes('certs.d'))).toEqual(['containerd/certs.d/docker.io/hosts.toml'])
  })
  test('a mirror that would answer with another image is left out', async () => {
    const mapping = await mapped('r.io/a/x:1 new.io/p/a/x:1\nr.io/a/y:1 new.io/p/a/y:1\nr.io/b:1 new.io/q/b:1\nr.io/c:1 new.io/q/a/x:1\n')
    expect(urlsOf(mapping.texts.containerd, 'n')).toEqual(['https://new.io/v2/p/n', 'https://r.io/v2/n'])
    expect(whyOf(mapping, 'containerd')).toContain('r.io/b:1 -> new.io/q/b:1: another image is there under the name that a mirror would ask for')
  })
})

describe('registries.conf', () => {
  /** By our own reader of the format. */
  async function rewritten(text: string, ...names: readonly string[]): Promise<readonly string[]> {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-mapping-'))
    try {
      const file = join(folder, 'r.conf')
      await writeFile(file, text)
      const conf = await readRegistriesConf({ env: { CONTAINERS_REGISTRIES_CONF: file }, home: folder, uid: 1 })
      return names.map((name) => {
        if (!conf) throw new Error('nothing was read')
        const slash = name.indexOf('/')
        const { registry, repository } = conf.rewrite({ registry: name.slice(0, slash), repository: name.slice(slash + 1) as MappedImage['source']['repository'] })
        return `${registry}/${repository}`
      })
    } finally { await rm(folder, { recursive: true }) }
  }
  test('a whole registry below one prefix is one remap', async () => {
    const { texts } = await mapped('library/nginx:1\nbitnami/redis:1\n')
    expect(texts['registries-conf'].match(/\[\[registry\]\]/g)).toHaveLength(1)
    expect(await rewritten(texts['registries-conf'], 'docker.io/library/nginx', 'docker.io/other/one', 'quay.io/a/b')).toEqual(['new.io/m/library/nginx', 'new.io/m/other/one', 'quay.io/a/b'])
  })
  test('otherwise each repository has one, and others stay where they are', async () => {
    const { texts } = await mapped('nginx:1\nbitnami/redis:1\nr.io/a:1 new.io/a:1\n', { insecure: true })
    expect(await rewritten(texts['registries-conf'], 'docker.io/library/nginx', 'docker.io/bitnami/redis', 'docker.io/other/one', 'r.io/b')).toEqual(['new.io/m/nginx', 'new.io/m/bitnami/redis', 'docker.io/other/one', 'new.io/b'])
    expect(texts['registries-conf'].match(/insecure = true/g)).toHaveLength(3)
  })
  test('a repository of which no tag is the same is not remapped: its old images would be gone', async () => {
    const mapping = await mapped('r.io/a:1 new.io/a:2\nr.io/b:1 new.io/b:1\nr.io/b:2 new.io/b:3\n')
    expect(await rewritten(mapping.texts['registries-conf'], 'r.io/a', 'r.io/b')).toEqual(['r.io/a', 'new.io/b'])
    expect(whyOf(mapping, 'registries-conf')).toEqual(['r.io/a:1 -> new.io/a:2: its tag is another one there', 'r.io/b:2 -> new.io/b:3: its tag is another one there'])
  })
  test('a repository that goes to two places goes where most of it goes', async () => {
    const mapping = await mapped('r.io/a:1 x:1\nr.io/a:2 y:2\nr.io/a:3 y:3\n')
    expect(await rewritten(mapping.texts['registries-conf'], 'r.io/a')).toEqual(['new.io/m/y'])
    expect(whyOf(mapping, 'registries-conf')).toEqual(['r.io/a:1 -> new.io/m/x:1: most of its repository goes to new.io/m/y'])
  })
  test('of two destinations the first', async () => expect(await rewritten((await mapped('r.io/a:1\n', {}, ['x.io', 'y.io'])).texts['registries-conf'], 'r.io/a')).toEqual(['x.io/a']))
  test('nothing is no table', async () => expect((parseToml((await mapped('r.io/a:1 new.io/a:2\n')).texts['registries-conf']))).toEqual({}))
})

describe('kustomize', () => {
  const entries = (text: string): unknown => (parseYaml(text) as { images: unknown }).images
  test('Docker Hub in every spelling; a tag where it is another, a digest where it is asked for', async () => {
    const list = `nginx:1\nr.io/a:1 b:2\nr.io/c:1@${digest}\n`
    const hub = ['nginx', 'library/nginx', 'docker.io/nginx', 'docker.io/library/nginx'].map((name) => ({ name, newName: 'new.io/m/nginx' }))
    expect(entries((await mapped(list)).texts.kustomize)).toEqual([...hub, { name: 'r.io/a', newName: 'new.io/m/b', newTag: '2' }, { name: 'r.io/c', newName: 'new.io/m/c' }])
    expect(entries((await mapped(list, { byDigest: true })).texts.kustomize)).toContainEqual({ name: 'r.io/c', newName: 'new.io/m/c', digest })
  })
  test('what it cannot say is told', async () => {
    const mapping = await mapped('r.io/a:1 b:2\nr.io/a:3 b:3\n')
    expect(whyOf(mapping, 'kustomize')).toEqual(['r.io/a:1 -> new.io/m/b:2: its tag is another one there, and its name has other tags'])
    expect(mapping.texts.kustomize).toContain('#   r.io/a:1 -> new.io/m/b:2: its tag')
  })

  const kubectl = spawnSync('kubectl', ['version', '--client']).status === 0
  test.skipIf(!kubectl)('kubectl kustomize changes what a Deployment says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-kustomize-'))
    try {
      const { files } = await mapped(`nginx:1.25\nr.io:5000/a:1 b:2\nr.io:5000/c:1@${digest}\n`)
      const containers = ['nginx:1.25', 'docker.io/library/nginx:1.25', 'r.io:5000/a:1', `r.io:5000/c@${digest}`, 'other:1'].map((image, i) => ({ name: `c${i}`, image }))
      const folders = join(folder, 'app')
      spawnSync('mkdir', ['-p', folders, join(folder, 'longshore')])
      await writeFile(join(folder, 'longshore/kustomization.yaml'), files.get('kustomize/kustomization.yaml') ?? '')
      await writeFile(join(folders, 'deployment.yaml'), JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { selector: {}, template: { spec: { containers } } } }))
      await writeFile(join(folders, 'kustomization.yaml'), 'resources: [deployment.yaml]\ncomponents: [../longshore]\n')
      const { stdout, stderr } = spawnSync('kubectl', ['kustomize', folders], { encoding: 'utf8' })
      expect(stderr).toBe('')
      expect([...stdout.matchAll(/image: (.*)/g)].map(([, image]) => image)).toEqual(['new.io/m/nginx:1.25', 'new.io/m/nginx:1.25', 'new.io/m/b:2', `new.io/m/c@${digest}`, 'other:1'])
    } finally { await rm(folder, { recursive: true }) }
  })
})

test('the way back names every file that is written', async () => {
  const { texts, files } = await mapped('library/a:1\nr.io:5000/b:1\nx.io/c:1 d:1\n')
  for (const folder of ['docker.io', 'r.io_5000_']) expect(texts.rollback).toContain(`rm /etc/containerd/certs.d/${folder}/hosts.toml`)
  expect(texts.rollback).not.toContain('x.io')
  for (const name of ['50-longshore.conf', 'Kustomize', 'mapping.csv']) expect(texts.rollback).toContain(name)
  expect([...files.keys()]).toEqual(['mapping.csv', 'containerd/certs.d/docker.io/hosts.toml', 'containerd/certs.d/r.io_5000_/hosts.toml', 'registries.conf.d/50-longshore.conf', 'kustomize/kustomization.yaml', 'ROLLBACK.md'])
})
