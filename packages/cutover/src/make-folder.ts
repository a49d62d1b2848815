import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * As `mkdir -p`. Node's own (`recursive: true`, up to 24 at least) never ends where a name is refused with ENOENT below a folder that is there, as /proc does.
 * @throws the file system's error
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    // What else has that name is found out by whoever writes into it.
    if (code === 'EEXIST') return
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path || await isThere(parent)) throw error
    await makeFolder(parent)
    await makeFolder(path)
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false)
}
