import { ExitCode } from '../exit-code.ts'
import type { RemoteFlags } from '../flags.ts'
import { formatNumber } from '../format.ts'
import { migrationSchema, type RemoteMigration } from '../remote-client.ts'
import { connectRemote } from '../remote.ts'

export type Action = 'pause' | 'resume' | 'cancel' | 'retry'

/** @throws RemoteError WRONG_STATE when that cannot be done to it */
export async function steerCommand(action: Action, text: string, flags: RemoteFlags): Promise<ExitCode> {
  const client = connectRemote(flags)
  const id = await client.idOf(text)
  const before = action === 'retry' ? await client.json(`/migrations/${id}`, migrationSchema) : undefined
  const migration = await client.json(`/migrations/${id}/${action}`, migrationSchema, { method: 'POST' })
  process.stdout.write(`${sentence(action, migration, before?.images.failed ?? 0)}\n`)
  return ExitCode.ok
}

function sentence(action: Action, { id, state, images: { copied, present, found } }: RemoteMigration, failed: number): string {
  switch (action) {
    case 'pause': return `${id} is ${state}: what is in hand may still arrive; longshore resume ${id} lets it go on`
    case 'resume': return `${id} is ${state}`
    case 'cancel': return `${id} is ${state}: ${formatNumber(copied + present)} of ${formatNumber(found)} images are there; submit the same again to go on from here`
    case 'retry': return failed === 0 ? `${id} has no failed images; it is ${state}` : `${id} is ${state}: ${formatNumber(failed)} failed ${failed === 1 ? 'image is' : 'images are'} tried again`
  }
}
