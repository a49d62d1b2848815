// A blob's content at a destination, read to its end and hashed.
import { type Descriptor, type ErrorRecord, toRecord } from '@longshore/oci'
import type { Location } from './image.ts'
import type { Source } from './transport.ts'
import { Verifier } from './verified.ts'

export interface Reading {
  /** What it is called in errors. */
  readonly what: string
  readonly onBytes: (bytes: number) => void
}

/** What is wrong with it. @throws the signal's reason */
export async function readBlob(target: Source, { repository }: Location, desc: Descriptor, { what, onBytes }: Reading, signal: AbortSignal): Promise<ErrorRecord | undefined> {
  try {
    await using content = await target.blob(repository, desc, { signal })
    for await (const chunk of new Verifier(desc, what).check(content, 0)) onBytes(chunk.byteLength)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return toRecord(error)
  }
}
