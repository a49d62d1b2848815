import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Synthetic extends AsyncDisposable {
  readonly source: string
  readonly destination: string
  /** An images list of all that is at the source. */
  list(): string
}

/** A process of its own: see synthetic-registry.ts. */
export async function startSynthetic({ images, layers }: { readonly images: number; readonly layers: number }): Promise<Synthetic> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'synthetic-registry.ts'), String(images), String(layers)], { stdio: ['ignore', 'pipe', 'inherit'] })
  process.on('exit', () => child.kill('SIGKILL'))
  const gone = once(child, 'exit')
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const [source, destination] = line.split(' ').map((port) => `127.0.0.1:${port}`) as [string, string]
  return {
    source, destination,
    list: () => Array.from({ length: images }, (_, n) => `scale/app-${n}:v1\n`).join(''),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
}
