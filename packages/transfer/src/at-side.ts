import { CopyError, type Descriptor, type Operation, type Side } from '@longshore/oci'

/** Names the side and the operation of whatever goes wrong in `work`; an aborted signal's reason passes as it is. */
export async function atSide<T>(side: Side, op: Operation, desc: Descriptor | undefined, signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof CopyError) throw error
    throw new CopyError(side, op, desc, error)
  }
}
