// Another process that sends one blob, and may be killed while it does: `node killed-upload.fixture.ts JSON`. It says on its
// output, a line each, where the upload stands, and at its end what it came to.
import { readFileSync, writeSync } from 'node:fs'
import { Bandwidth } from '@longshore/concurrency'
import type { Descriptor, RepositoryName } from '@longshore/oci'
import type { UploadPoint } from '@longshore/transfer'
import { createRegistry } from './index.ts'

export interface KilledUpload {
  readonly source: string
  readonly destination: string
  readonly repository: RepositoryName
  readonly desc: Descriptor
  readonly saved?: UploadPoint
  readonly bytesPerSecond?: number
}

export interface UploadLine {
  readonly saved?: UploadPoint
  readonly end?: { readonly outcome: string; readonly offsets: readonly number[]; readonly bytesIn: number; readonly bytesOut: number; readonly memory: number }
}

const { source, destination, repository, desc, saved, bytesPerSecond } = JSON.parse(process.argv[2] ?? '') as KilledUpload
const { signal } = new AbortController()
// At once: a process that is killed says nothing later.
const say = (line: UploadLine): void => { writeSync(1, `${JSON.stringify(line)}\n`) }
await using from = createRegistry({ registry: source, tlsVerify: false, ...(bytesPerSecond === undefined ? {} : { bandwidth: new Bandwidth(bytesPerSecond) }) })
await using to = createRegistry({ registry: destination, tlsVerify: false })
const offsets: number[] = []
/** The most memory it ever had, in bytes. `maxRSS` would count what its parent had when it was forked. */
const peak = (): number => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
const outcome = await to.push(repository, desc, async (offset) => {
  offsets.push(offset)
  return await from.blob(repository, desc, { signal, offset })
}, {
  signal, mayExist: false,
  checkpoint: { saved, save: async (point) => { say({ saved: point }); await Promise.resolve() } },
})
say({ end: { outcome, offsets, bytesIn: from.stats.bytesIn, bytesOut: to.stats.bytesOut, memory: peak() } })
