// The image's HEALTHCHECK: asks the service that process 1 runs for /healthz. Other commands end by themselves, and are healthy while they run.
import { readFileSync } from 'node:fs'

const ports = { coordinator: '8080', worker: '8081' }
const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0')
const command = words.find((word) => word in ports)
if (command === undefined) process.exit(0)

const at = words.findIndex((word) => word === '--listen' || word.startsWith('--listen='))
const flag = at < 0 ? undefined : words[at].includes('=') ? words[at].slice('--listen='.length) : words[at + 1]
const listen = flag ?? process.env.LONGSHORE_LISTEN ?? ''
const port = /:(\d+)$/.exec(listen)?.[1] ?? ports[command]
// An address of its own, or all of them.
const host = listen.slice(0, -port.length - 1)
const address = host === '' || host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host

try {
  const answer = await fetch(`http://${address}:${port}/healthz`, { signal: AbortSignal.timeout(4000) })
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`)
} catch (error) {
  process.stderr.write(`/healthz of the ${command} at ${address}:${port}: ${error.cause?.message ?? error.message}\n`)
  process.exit(1)
}
