import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { ensureServers } from './index.ts'

const script = `
  const { startDockerRegistry } = await import(${JSON.stringify(new URL('./docker-registry.ts', import.meta.url).href)})
  for (let n = 0; n < 2; n++) {
    await using registry = await startDockerRegistry()
    console.log(registry.kind, (await fetch(registry.url + '/v2/')).status)
  }
  process.exit()`

beforeAll(ensureServers)

// In a process of its own: what auto means is settled once in each.
async function startTwo(socket: string, kind: 'auto' | 'containers'): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, LONGSHORE_TEST_SERVERS: kind }
  return promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env })
}

/** Docker's interface as far as it is asked for here: an engine without images that can pull none, or one that never answers. */
async function startEngine(kind: 'empty' | 'mute') {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-engine-'))
  const socket = join(folder, 'engine.sock')
  const pulls: string[] = []
  const server = createServer((request, response) => {
    if (kind === 'mute') return
    if (request.url?.includes('/images/create') === true) pulls.push(request.url)
    // testcontainers asks for the network when it finds itself in a container.
    const isKnown = request.url === '/info' || request.url === '/networks/bridge'
    response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isKnown ? { OperatingSystem: 'debian', IPAM: { Config: [{ Gateway: '127.0.0.1' }] } } : { message: 'No such image' }))
  })
  await once(server.listen(socket), 'listening')
  return {
    socket, pulls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

test.each([
  ['has no registry:2', 'empty', 'it has no image registry:2'],
  ['never answers', 'mute', 'it does not answer'],
] as const)('an engine that %s: auto takes the local server, pulls nothing and says why once', async (_name, kind, why) => {
  await using engine = await startEngine(kind)
  const { stdout, stderr } = await startTwo(engine.socket, 'auto')
  expect(stdout).toBe('local 200\nlocal 200\n')
  expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(`not the container engine unix://${engine.socket}: ${why}`)])
  expect(engine.pulls).toEqual([])
})

test('where containers are asked for, the image is pulled, and nothing else is taken if that fails', async () => {
  await using engine = await startEngine('empty')
  await expect(startTwo(engine.socket, 'containers')).rejects.toThrow(`the container engine unix://${engine.socket} could not run registry:2`)
  expect(engine.pulls).toEqual([expect.stringContaining('fromImage=registry&tag=2')])
})
