// A program as the system looks for it: by its path, or along PATH.
import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

/** Of a process without a PATH, as the C library has it. */
const defaultPath = '/bin:/usr/bin'
/** Kernels read no longer a first line. */
const firstLineBytes = 256

/** Why the program cannot be started, with the cure; `undefined`: it is there, and this user may run it. */
export async function programFault(program: string, env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const paths = program.includes('/') ? [program] : (env['PATH'] ?? defaultPath).split(':').map((folder) => join(folder, program))
  const faults: string[] = []
  for (const path of paths) {
    const fault = await fileFault(path)
    if (fault === undefined) return undefined
    if (fault !== '') faults.push(fault)
  }
  return faults[0] ?? `"${program}" is not there; ${whereToLook(program)}`
}

/** Empty: it is not there. */
async function fileFault(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isFile()) return `"${path}" is no file; name a program`
    await access(path, constants.X_OK)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return code === 'ENOENT' || code === 'ENOTDIR' ? '' : `"${path}" may not be run by this user (${code}); make it executable (chmod +x), or run Longshore as a user who may`
  }
  const interpreter = await interpreterOf(path)
  if (interpreter === undefined || await access(interpreter, constants.X_OK).then(() => true, () => false)) return undefined
  return `"${path}" wants to be run by ${JSON.stringify(interpreter)}, which is not there; install that, or correct the script's first line${interpreter.endsWith('\r') ? ' (its lines end as on Windows)' : ''}`
}

/** What a script's first line names. */
async function interpreterOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(firstLineBytes) })
    return /^#![ \t]*([^ \t\n]+)/.exec(buffer.toString('utf8', 0, bytesRead))?.[1]
  } catch {
    // A program need not be readable to be run.
    return undefined
  }
}

export function whereToLook(program: string): string {
  if (!program.includes('/')) return `install ${program}, name it with its whole path, or correct PATH`
  return isAbsolute(program) ? 'put it there, with its interpreter, or correct the path' : `its path is taken from the folder in which longshore was started, ${process.cwd()}: put it there, or name it with its whole path`
}
