import { seed, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import { tortureSet } from './fixtures/torture.ts'
import { longshore } from './e2e/cli-process.ts'
import { writeFileSync } from 'node:fs'
const set = tortureSet().filter(({ kind }) => !process.argv[2] || new RegExp(process.argv[2]).test(kind.name))
await using a = await startEmbeddedRegistry({ schema1: true })
await using b = await startDockerRegistry()
await using c = await startEmbeddedRegistry({ schema1: true })
await using d = await startEmbeddedRegistry({ schema1: true })
let t = Date.now()
for (const { kind, corpus } of set) {
  try { await seed(a.url, corpus) } catch (e) { console.log('API ', kind.name, (e as Error).message.slice(0, 300)) }
}
console.log('seed', Date.now() - t); t = Date.now()
const untagged = set.filter(({ kind }) => ['tag-none', 'sha512-untagged', 'sha512-subject'].includes(kind.name)).flatMap(({ corpus }) => corpus.filter((e) => e.tag === undefined))
const specFor = (host: string, name: string) => {
  const by = Map.groupBy(untagged, (e) => e.repository)
  const text = `version: 1\nfrom: ${host}\nimages:\n  - repositories: { include: ['**'] }\n${[...by].map(([r, es]) => `  - name: ${r}\n    tags: { exclude: ['**'] }\n    digests: [${es.map((e) => `'${e.content.root.digest}'`).join(', ')}]\n`).join('')}`
  writeFileSync(`/tmp/tort/${name}.yaml`, text)
  return `/tmp/tort/${name}.yaml`
}
const go = async (from: { host: string }, to: { host: string }, name: string) => {
  const r = await longshore(['migrate', specFor(from.host, name), '--to', to.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--report', `/tmp/tort/${name}.json`])
  console.log(name, r.code, Date.now() - t, 'ms'); t = Date.now()
  writeFileSync(`/tmp/tort/${name}.out`, r.stdout + r.stderr)
  console.log(r.stdout.split('\n').filter((l) => !/ copied | present/.test(l)).join('\n'), r.stderr.split('\n').filter((l) => !/ copied /.test(l)).join('\n'))
  const v = await longshore(['verify', specFor(from.host, name), '--to', to.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--deep'])
  console.log('VERIFY', v.code, Date.now() - t, 'ms', v.stdout.slice(0, 6000), v.stderr.slice(0, 2000)); t = Date.now()
}
await go(a, d, 'direct')
await go(a, b, 'there')
await go(b, c, 'back')
for (const [name, x] of [['D', d], ['C', c]] as const) {
  for (const r of new Set([...a.repositories(), ...x.repositories()])) {
    const [ta, tx] = [a.tags(r), x.tags(r)]
    for (const tag of new Set([...ta, ...tx])) if (a.tag(r, tag) !== x.tag(r, tag)) console.log(name, 'TAG', r, tag, a.tag(r, tag)?.slice(0, 19), x.tag(r, tag)?.slice(0, 19))
  }
  for (const { kind, corpus } of set) for (const e of corpus) for (const m of e.content.manifests) {
    const got = x.manifest(e.repository, m.digest)
    if (!got) { console.log(name, 'MISSING', kind.name, e.repository.slice(0, 60), e.tag, m.digest.slice(0, 20)); continue }
    if (got.mediaType !== m.mediaType || Buffer.compare(got.bytes, m.bytes) !== 0) console.log(name, 'DIFFERENT', kind.name, e.tag, got.mediaType, m.mediaType)
    for (const bl of e.content.blobs.keys()) if (!x.hasBlob(e.repository, bl)) console.log(name, 'NOBLOB', kind.name, bl.slice(0, 20))
    const [ra, rx] = await Promise.all([a, x].map(async (reg) => (await fetch(`${reg.url}/v2/${e.repository}/referrers/${m.digest}`)).json() as Promise<{ manifests: { digest: string }[] }>))
    const s = (q: { manifests: { digest: string }[] } | undefined) => JSON.stringify(q!.manifests.toSorted((p, q) => p.digest < q.digest ? -1 : 1))
    if (s(ra) !== s(rx)) console.log(name, 'REFERRERS', kind.name, m.digest.slice(0, 20), ra!.manifests.length, rx!.manifests.length)
  }
}
