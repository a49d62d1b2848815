// The registry client against a real registry, by the suite that every transport passes.
import { startDockerRegistry } from '@longshore/testing'
import { describeSource, describeTarget, fill } from '@longshore/testing/contracts'
import { createRegistry, type Registry } from './index.ts'


/** A registry of its own for each test. docker-registry 2.8 has no referrers API. */
async function open(): Promise<{ readonly registry: Registry } & AsyncDisposable> {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await startDockerRegistry())
  const registry = stack.use(createRegistry({ registry: server.host, tlsVerify: false, retries: { attempts: 2, baseMs: 1, capMs: 5 } }))
  return { registry, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describeSource('docker-registry', async (images) => {
  const { registry, ...place } = await open()
  for (const { repository, reference, content } of images) await fill(registry, repository, content, reference)
  return { source: registry, ...place }
}, { noReferrers: true })

describeTarget('docker-registry', async () => {
  const { registry, ...place } = await open()
  return { target: registry, readBack: () => Promise.resolve(registry), ...place }
}, { noReferrers: true })
