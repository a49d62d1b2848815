import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { WorkerOrder, WorkerWord } from './local-worker.ts'

/** Starts workers as child processes; disposing of it ends them, once what they have in hand has arrived or their grace is over. */
export async function startLocalWorkers(count: number, order: WorkerOrder, say: (line: string) => void): Promise<AsyncDisposable & { readonly pids: readonly number[] }> {
  const children = Array.from({ length: count }, () => {
    const child = fork(fileURLToPath(new URL('local-worker.ts', import.meta.url)), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const ended = new Promise<void>((resolve) => { child.on('exit', () => resolve()) })
    const ready = new Promise<void>((resolve) => {
      child.on('message', (word) => {
        const said = word as WorkerWord
        if (said.type === 'ready') resolve()
        else say(said.line)
      })
    })
    child.send(order)
    return { child, ended, ready }
  })
  await Promise.all(children.map(({ ready, ended }) => Promise.race([ready, ended])))
  return {
    pids: children.map(({ child }) => child.pid ?? 0),
    async [Symbol.asyncDispose]() {
      for (const { child } of children) child.kill('SIGTERM')
      await Promise.all(children.map(({ ended }) => ended))
    },
  }
}
