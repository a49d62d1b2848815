import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { complaint, fixture, read } from './foreign.fixture.ts'
import { readDocuments } from './kubernetes-documents.ts'
import { isKubernetes } from './kubernetes-format.ts'
import { parseSpec, parseSpecs, type SpecOptions } from './parse-spec.ts'

const to: SpecOptions = { to: ['dst:1/m'] }
const hex = (letter: string): string => `sha256:${letter.repeat(64)}`
interface Status { readonly image?: string; readonly imageID?: string; readonly name?: string; readonly startedAt?: string }

function pod(name: string, image: string, status: Status = {}): Record<string, unknown> {
  const { startedAt, ...rest } = status
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' }, spec: { containers: [{ name: 'main', image, imagePullPolicy: 'Always' }] },
    status: { containerStatuses: [{ name: 'main', ...rest, ...(startedAt === undefined ? {} : { state: { running: { startedAt } } }) }] },
  }
}
const list = (...items: readonly unknown[]): string => JSON.stringify({ apiVersion: 'v1', items, kind: 'List' }, null, 4)

/** `source [tag] < line object, …` for each image. */
async function images(content: string, options: SpecOptions = to): Promise<readonly string[]> {
  const { migration } = await read(content, options, 'k')
  return migration.entries.map(({ source, selection, origin }) => {
    const [{ reference, tag } = { reference: '' }] = selection.references
    const name = source.kind === 'repository' ? `${source.registry}/${source.repository}` : ''
    return `${name} ${reference.slice(0, 12)}${tag === undefined ? '' : ` as ${tag}`} < ${[origin, ...origin.others ?? []].map(({ line, object }) => `${line} ${object}`).join(', ')}${origin.more === undefined ? '' : ` and ${origin.more}`}`
  })
}
const warnings = async (content: string, options = to): Promise<readonly string[]> => (await read(content, options, 'k')).warnings.map(({ line, message }) => `${line}: ${message}`)

describe('objects', () => {
  test('of every kind that holds pods, with all kinds of containers and image volumes', async () => {
    const template = { spec: { containers: [{ name: 'a', image: 'r.io/a:1' }] } }
    const cases: ReadonlyArray<readonly [kind: string, apiVersion: string, body: object]> = [
      ['Pod', 'v1', template], ['PodTemplate', 'v1', { template }],
      ...['ReplicationController'].map((kind) => [kind, 'v1', { spec: { template } }] as const), ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].map((kind) => [kind, 'apps/v1', { spec: { template } }] as const),
      ['Job', 'batch/v1', { spec: { template } }], ['CronJob', 'batch/v1', { spec: { jobTemplate: { spec: { template } } } }],
    ]
    for (const [kind, apiVersion, body] of cases) expect(await images(JSON.stringify({ apiVersion, kind, metadata: { name: 'x' }, ...body }))).toEqual([`r.io/a 1 < 1 ${kind} x`])
    const all = { initContainers: [{ name: 'i', image: 'r.io/i:1' }], containers: [{ name: 'c', image: 'r.io/c:1' }, { name: 'none' }], ephemeralContainers: [{ name: 'e', image: 'r.io/e:1' }], volumes: [{ name: 'v', image: { reference: 'r.io/v:1', pullPolicy: 'Always' } }, { name: 'w', emptyDir: {} }] }
    expect(await images(stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: all }))).toEqual(['r.io/i 1 < 8 Pod x', 'r.io/c 1 < 11 Pod x', 'r.io/e 1 < 15 Pod x', 'r.io/v 1 < 18 Pod x'])
  })

  test('lists of lists, lists whose items do not say what they are, arrays, documents one behind the other', async () => {
    const { apiVersion: _, kind: __, ...bare } = pod('p', 'r.io/a:1')
    expect(await images(JSON.stringify({ apiVersion: 'v1', kind: 'PodList', items: [bare] }))).toEqual(['r.io/a 1 < 1 Pod shop/p'])
    expect(await images(list({ apiVersion: 'v1', kind: 'List', items: [pod('p', 'r.io/a:1')] }))).toHaveLength(1)
    expect(await images(JSON.stringify([pod('p', 'r.io/a:1'), pod('q', 'r.io/b:1')]))).toHaveLength(2)
    expect(await images(`${JSON.stringify(pod('p', 'r.io/a:1'), null, 1)}\n${JSON.stringify(pod('q', 'r.io/b:1'))}\n`)).toEqual(['r.io/a 1 < 12 Pod shop/p', 'r.io/b 1 < 25 Pod shop/q'])
    expect(await images('apiVersion: v1\nkind: List\nitems:\n')).toEqual([])
  })

  test('the output of helm template: comments, empty documents, JSON among YAML, CRLF', async () => {
    const text = `# Source: a.yaml\n---\n---\n# nothing\n---\n# Source: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: { a: b }\n  labels: { a: b }\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n          image: "nginx:1.10"\n---\n${JSON.stringify(pod('p', 'r.io/a:1'))}\n--- # end\n...\n`
    expect(await images(text)).toEqual(['docker.io/library/nginx 1.10 < 18 Deployment web', 'r.io/a 1 < 20 Pod shop/p'])
    expect(await images(text.replaceAll('\n', '\r\n'))).toHaveLength(2)
  })

  test('a large list in YAML is read item by item, with its lines', async () => {
    const filler = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'f' }, data: { a: 'x'.repeat(700_000), image: 'r.io/not-an-image:1' } }
    for (const indentSeq of [true, false]) {
      const text = stringify({ apiVersion: 'v1', items: [filler, pod('p', 'r.io/a:1'), filler, pod('q', 'r.io/b:1')], kind: 'List', metadata: { resourceVersion: '' } }, { indentSeq, aliasDuplicateObjects: false })
      expect([...readDocuments('k', text)]).toHaveLength(4)
      const lineOf = (image: string): number => text.split('\n').findIndex((line) => line.includes(`image: ${image}`)) + 1
      expect(await images(text)).toEqual([`r.io/a 1 < ${lineOf('r.io/a:1')} Pod shop/p`, `r.io/b 1 < ${lineOf('r.io/b:1')} Pod shop/q`])
    }
  })

  test('of a hundred replicas the first are named', async () => {
    const line = (index: number): number => 15 + index * 24
    expect(await images(list(...Array.from({ length: 8 }, (_, i) => pod(`p${i}`, 'r.io/a:1'))))).toEqual([
      `r.io/a 1 < ${[0, 1, 2, 3, 4].map((i) => `${line(i)} Pod shop/p${i}`).join(', ')} and 3`,
    ])
  })
})

describe("names are Kubernetes'", () => {
  test('every spelling is one image', async () => {
    expect(await images(list(...['nginx:1', 'library/nginx:1', 'docker.io/nginx:1', 'docker.io/library/nginx:1', 'index.docker.io/library/nginx:1'].map((name, i) => pod(`p${i}`, name))))).toHaveLength(1)
    expect(await images(list(pod('p', 'nginx')))).toEqual(['docker.io/library/nginx latest < 15 Pod shop/p'])
    expect(await warnings(list(pod('p', 'nginx'), pod('q', 'nginx')))).toEqual(['15: "nginx" has no tag: taken as nginx:latest (Pod shop/p) (and 1 more)'])
  })

  test('--from takes the place of Docker Hub, and of all with --from-for-all', async () => {
    const content = list(pod('p', 'nginx:1'), pod('q', 'docker.io/bitnami/redis:1'), pod('r', 'quay.io/a/b:1'))
    const sources = async (options: SpecOptions): Promise<readonly string[]> => (await images(content, { ...to, ...options })).map((line) => line.replace(/ .*/, ''))
    expect(await sources({ from: 'mirror:1/hub' })).toEqual(['mirror:1/hub/library/nginx', 'mirror:1/hub/bitnami/redis', 'quay.io/a/b'])
    expect(await sources({ from: 'mirror:1', fromForAll: true })).toEqual(['mirror:1/library/nginx', 'mirror:1/bitnami/redis', 'mirror:1/a/b'])
  })

  test('what is wrong has its place; all of it is told', async () => {
    expect(await complaint(list(pod('p', 'Nginx:1'), pod('q', 'a//b')), to)).toBe('f.yaml:15:25: "Nginx:1" is not a valid reference: a repository name is in lower case (Pod shop/p)\nf.yaml:39:25: "a//b" is not a valid reference: a repository name is path components of a-z and 0-9, joined inside by ".", "_", "__" or "-" (Pod shop/q)')
    expect(await complaint('apiVersion: v1\nkind: Pod\n---\na: b\n', to)).toBe('f.yaml:4:1: is no Kubernetes object: it has no apiVersion and kind')
    expect(await complaint(list(pod('p', 'a:1')).slice(0, 200), to)).toMatch(/^f\.yaml:9:\d+: is not valid JSON: /)
    expect(await complaint('apiVersion: v1\nkind: Pod\nspec: "a\n', to)).toMatch(/^f\.yaml:4:1: is not valid YAML/)
    expect(await complaint(list(pod('p', 'a:1')))).toMatch(/^f\.yaml:15: what clusters run has no destination registry: give --to/)
    expect(await warnings(list(pod('p', '')))).toEqual(['15: left out: the image is empty (Pod shop/p)'])
  })
})

describe('digests', () => {
  test.each<[what: string, imageID: string | undefined, image: string, reads: string]>([
    ['as containerd says it', `docker.io/library/nginx@${hex('a')}`, 'nginx:1', 'sha256:aaaaa as 1'], ['as Docker says it', `docker-pullable://nginx@${hex('a')}`, 'nginx:1', 'sha256:aaaaa as 1'],
    ['a bare digest is the configuration', hex('a'), 'nginx:1', '1'], ['so is this', `docker://${hex('a')}`, 'nginx:1', '1'], ['none', undefined, 'nginx:1', '1'], ['empty', '', 'nginx:1', '1'],
    ['of another repository', `r.io/mirror/nginx@${hex('a')}`, 'nginx:1', '1'], ['the written one counts', `docker.io/library/nginx@${hex('b')}`, `nginx:1@${hex('a')}`, 'sha256:aaaaa as 1'],
    ['without a tag', `docker.io/library/nginx@${hex('a')}`, `nginx@${hex('a')}`, 'sha256:aaaaa'], ['latest is a tag', `docker.io/library/nginx@${hex('a')}`, 'nginx', 'sha256:aaaaa as latest'],
  ])('%s', async (_, imageID, image, reads) => {
    expect(await images(list(pod('p', image, imageID === undefined ? {} : { imageID })))).toEqual([`docker.io/library/nginx ${reads} < 15 Pod shop/p`])
  })

  test('of another container, or another kind of container, it says nothing', async () => {
    expect(await images(list(pod('p', 'nginx:1', { imageID: `nginx@${hex('a')}`, name: 'other' })))).toEqual(['docker.io/library/nginx 1 < 15 Pod shop/p'])
    const both = { ...pod('p', 'nginx:1', { imageID: `nginx@${hex('a')}` }), spec: { containers: [{ name: 'main', image: 'nginx:1' }], initContainers: [{ name: 'main', image: 'nginx:2' }] } }
    expect((await images(list(both))).map((line) => line.replace(/ <.*/, ''))).toEqual(['docker.io/library/nginx 2', 'docker.io/library/nginx sha256:aaaaa as 1'])
  })

  test('of another repository: told', async () => {
    expect(await warnings(list(pod('p', 'nginx:1', { imageID: `r.io/x@${hex('a')}` })))).toEqual([`15: Pod shop/p runs "r.io/x@${hex('a')}", which is of another repository than the "nginx:1" that it names: read by its tag instead`])
  })

  test('of two for one tag, what was started last keeps the tag; both are carried, and both objects named', async () => {
    const old = pod('old', 'nginx:1', { imageID: `nginx@${hex('a')}`, startedAt: '2026-01-01T00:00:00Z' })
    const young = pod('young', 'nginx:1', { imageID: `nginx@${hex('b')}`, startedAt: '2026-02-01T00:00:00Z' })
    for (const content of [list(old, young), list(young, old)]) {
      expect((await images(content)).toSorted().map((line) => line.replace(/< \d+/, '<'))).toEqual(['docker.io/library/nginx sha256:aaaaa < Pod shop/old', 'docker.io/library/nginx sha256:bbbbb as 1 < Pod shop/young'])
      const [told = ''] = await warnings(content)
      expect(told).toContain(`docker.io/library/nginx:1 is two images: it stays the name of ${hex('b')} (Pod shop/young, k:`)
      expect(told).toContain(`which was started later; ${hex('a')} (Pod shop/old, k:`)
    }
    // Over files too.
    const { migration } = await parseSpecs([{ name: 'one', content: list(old) }, { name: 'two', content: list(young) }], to)
    expect(migration.entries.map(({ origin: { file }, selection: { references } }) => [file, references[0]?.tag])).toEqual([['two', '1'], ['one', undefined]])
  })

  test('a tag that somebody asks for alone is read as it is, beside a written digest', async () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:1' }] } } } }
    const names = async (...items: readonly unknown[]): Promise<readonly string[]> => (await images(list(...items))).map((line) => line.replace(/ <.*/, ''))
    expect(await names(deployment, pod('p', `nginx:1@${hex('a')}`))).toEqual(['docker.io/library/nginx 1', 'docker.io/library/nginx sha256:aaaaa'])
    expect(await names(deployment, pod('p', 'nginx:1', { imageID: `nginx@${hex('a')}` }))).toEqual(['docker.io/library/nginx sha256:aaaaa as 1'])
    expect(await names(pod('p', `nginx:1@${hex('a')}`), pod('q', 'nginx:1', { imageID: `nginx@${hex('b')}` }))).toEqual(['docker.io/library/nginx sha256:bbbbb as 1', 'docker.io/library/nginx sha256:aaaaa'])
    expect(await names(pod('p', `nginx:1@${hex('a')}`), pod('q', `nginx@${hex('a')}`))).toEqual(['docker.io/library/nginx sha256:aaaaa as 1'])
  })
})

describe('custom resources', () => {
  const custom = (spec: unknown, more: object = {}): string => stringify({ apiVersion: 'x.example.com/v1', kind: 'Thing', metadata: { name: 't' }, spec, ...more })
  test.each<[what: string, spec: unknown, images: readonly string[]]>([
    ['text, anywhere', { a: [{ image: 'r.io/a:1' }], image: 'team/b:2' }, ['r.io/a 1', 'docker.io/team/b 2']], ['parts', { image: { registry: 'r.io', repository: 'a/b', tag: '1.10', pullPolicy: 'Always' } }, ['r.io/a/b 1.10']],
    ['parts with a registry in the repository', { image: { registry: 'r.io', repository: 'r.io/a', tag: 2, digest: '' } }, ['r.io/a 2']], ['parts with a digest', { image: { repository: 'r.io/a', digest: hex('a') } }, ['r.io/a sha256:aaaaa']],
    ['parts without a tag', { image: { repository: 'r.io/a', tag: '' } }, []], ['a volume', { volumes: [{ image: { reference: 'r.io/v:1' } }] }, ['r.io/v 1']],
    ['empty', { image: '', imagePullPolicy: 'Always', imageName: 'r.io/a:1', image2: 'r.io/a:1' }, []], ['a word', { image: 'ubuntu-2204' }, []], ['a path', { image: 'assets/logo.png' }, []], ['a URL', { image: 'https://x.example/a.png' }, []],
    ['a word in a container', { template: { containers: [{ name: 'a', image: 'nginx' }] }, steps: [{ image: 'alpine' }], container: { image: 'busybox' } }, ['docker.io/library/nginx latest', 'docker.io/library/alpine latest', 'docker.io/library/busybox latest']],
    ['a template of a template', { templates: [{ container: { image: '{{inputs.parameters.image}}' } }], image: '$(params.image)' }, []], ['a schema', { versions: [{ schema: { openAPIV3Schema: { properties: { image: { default: 'r.io/a:1', image: 'r.io/a:1' } } } } }] }, []],
    ['a ConfigMap that it makes', { manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', data: { image: 'r.io/a:1' } }, pod('p', 'r.io/b:1')], one: { apiVersion: 'v1', kind: 'Secret', stringData: { image: 'r.io/a:1' } } }, ['r.io/b 1']],
  ])('%s', async (_, spec, expected) => {
    expect((await images(custom(spec))).map((line) => line.replace(/ <.*/, ''))).toEqual(expected)
    expect((await images(JSON.stringify({ apiVersion: 'x.example.com/v1', kind: 'Thing', spec }))).map((line) => line.replace(/ <.*/, ''))).toEqual(expected)
  })

  test('what is left out is told, but for what is empty', async () => {
    expect(await warnings(custom({ image: 'ubuntu-2204', a: { image: '' } }))).toEqual(['6: left out: "ubuntu-2204" has neither registry nor tag nor digest, so it may be something else: name it in a list if it is an image (Thing t)'])
    expect(await warnings(custom({ image: { repository: 'r.io/a' } }))).toEqual(['6: left out: "r.io/a" has neither tag nor digest: which one is used is known to its controller alone (Thing t)'])
  })

  test('its status and metadata name nothing, nor do ConfigMaps, Secrets, Nodes and definitions', async () => {
    expect(await images(custom({}, { status: { image: 'r.io/a:1' }, metadata: { name: 't', image: 'r.io/a:1' } }))).toEqual([])
    for (const [kind, apiVersion] of [['ConfigMap', 'v1'], ['Secret', 'v1'], ['Node', 'v1'], ['ControllerRevision', 'apps/v1'], ['CustomResourceDefinition', 'apiextensions.k8s.io/v1']] as const) {
      expect(await images(stringify({ apiVersion, kind, data: { image: 'r.io/a:1' }, spec: { image: 'r.io/a:1' } }))).toEqual([])
    }
  })
})

describe('it is told from other formats', () => {
  test.each(['skopeo/sync.yaml', 'image-syncer/auth.json', 'image-syncer/images.yaml', 'image-syncer/config.json', 'regsync/regsync.yaml', 'regsync/anchors.yaml', 'dregsy/dregsy.yaml', 'dregsy/matching.yaml', 'kubesphere-images-list.txt'])('%s is not', (path) => expect(isKubernetes(fixture(path))).toBe(false))
  test.each([
    ['pretty JSON', list(pod('p', 'a:1'))], ['sorted the other way', '{"kind":"Pod","apiVersion":"v1"}'], ['keys in the middle', '{"metadata":{"name":"x"},"kind":"Pod","apiVersion":"v1","spec":{}}'],
    ['YAML', 'kind: Pod\napiVersion: v1\n'], ['a later document', '# c\n---\n---\nspec: {}\napiVersion: v1\nkind: Pod\n'], ['an array', '[{"apiVersion":"v1","kind":"Pod"}]'], ['a sequence', '- apiVersion: v1\n  kind: Pod\n'], ['flow', '{apiVersion: v1, kind: Pod}'], ['quoted keys', '"apiVersion": "v1"\n"kind": "Pod"\n'],
  ])('%s is', (_, text) => expect(isKubernetes(text)).toBe(true))
  test('an object behind millions of comments is', () => expect(isKubernetes(`${'#\n'.repeat(3e6)}apiVersion: v1\nkind: Pod\n`)).toBe(true))
  test.each([['native', 'version: 1\nimages:\n  - name: a\n'], ['a chart', 'apiVersion: v2\nname: x\n'], ['inside', 'a:\n  apiVersion: v1\n  kind: Pod\n'], ['a list', 'nginx:1\n']])('%s is not', (_, text) => expect(isKubernetes(text)).toBe(false))
  test('--format decides', async () => {
    expect(await complaint('version: 1\nimages: [a:1]\n', { format: 'kubernetes', ...to })).toContain('is no Kubernetes object')
    expect(await complaint(list(pod('p', 'a:1')), { format: 'yaml', ...to })).not.toContain('Kubernetes')
  })
})

test('more than other specs may hold is taken, up to a limit', async () => {
  const padded = (bytes: number): string => list(pod('p', 'a:1'), { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'x'.repeat(bytes) } })
  expect((await parseSpec({ name: 'f', content: padded(65 * 1024 * 1024) }, to)).migration.entries).toHaveLength(1)
  await expect(parseSpec({ name: 'f', content: `a:1\n#${'x'.repeat(65 * 1024 * 1024)}` }, to)).rejects.toThrow('is larger than 64 MiB')
  await expect(parseSpec({ name: 'f', content: padded(257 * 1024 * 1024) }, to)).rejects.toThrow('is larger than 256 MiB')
})
