// Every folder of files passes the suite that real registries pass.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ContractLimits, describeSource, describeTarget, fill } from '@longshore/testing/contracts'
import { openLayout } from './index.ts'

async function folder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-layout-'))
  return { path: join(path, 'place'), [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const kinds: readonly (readonly [string, ContractLimits, ContractLimits])[] = [
  ['dir', { oneReference: true, noReferrers: true }, {}],
  ['oci', { oneRepository: true }, {}],
  // A source is asked for its referrers; a target leaves them to the fallback tag.
  ['registry-storage', {}, { noReferrers: true }],
]

for (const [transport, limits, ofTarget] of kinds) {
  describeSource(transport, async (images) => {
    const { path, ...place } = await folder()
    const registry = `${transport}:${path}`
    await using target = openLayout(registry)
    for (const { repository, reference, content } of images) await fill(target, repository, content, reference)
    await target.finish()
    return { source: openLayout(registry, { readOnly: true }), ...place }
  }, limits)

  describeTarget(transport, async () => {
    const { path, ...place } = await folder()
    const registry = `${transport}:${path}`
    const target = openLayout(registry)
    const readBack = async () => {
      await target.finish()
      return openLayout(registry, { readOnly: true })
    }
    return { target, readBack, ...place }
  }, { ...limits, ...ofTarget })
}
