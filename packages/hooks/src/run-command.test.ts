import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runHook } from './run-hook.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-hook-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

const PATH = process.env['PATH'] ?? ''
const never = new AbortController().signal

async function run(command: readonly [string, ...string[]], { facts = {}, env = {}, timeoutMs = 20_000, signal = never }: {
  readonly facts?: Readonly<Record<string, string>>; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number; readonly signal?: AbortSignal
} = {}): Promise<void> {
  await runHook({ kind: 'command', command, timeoutMs }, { facts, env: { PATH, ...env }, signal })
}

/** Processes end a moment after they are killed. */
async function untilGone(pid: number): Promise<void> {
  for (const until = Date.now() + 10_000; ;) {
    try { process.kill(pid, 0) } catch { return }
    // A zombie of the container's init still answers.
    if ((await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).includes(') Z ')) return
    if (Date.now() > until) throw new Error(`${pid} is alive`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function pidIn(file: string): Promise<number> {
  for (const until = Date.now() + 10_000; ;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) return Number(text)
    if (Date.now() > until) throw new Error(`${file} was not written`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('a command', () => {
  test('is told the facts, and inherits the environment', async () => {
    const file = join(folder, 'out')
    await run(['sh', '-c', 'printf "%s|%s|%s" "$LONGSHORE_REPOSITORY" "$LONGSHORE_FROZEN_AT" "$HERE" > "$1"', 'sh', file], { facts: { repository: 'team/app', frozenAt: 'now' }, env: { HERE: 'yes' } })
    expect(await readFile(file, 'utf8')).toBe('team/app|now|yes')
  })

  test('is run without a shell', async () => {
    const file = join(folder, 'a; b $HOME')
    await run(['touch', file])
    expect(await readFile(file, 'utf8')).toBe('')
  })

  test('that fails is told with its status and the end of its words', async () => {
    await expect(run(['sh', '-c', 'echo first; echo "no permission to create" >&2; exit 7'])).rejects
      .toMatchObject({ name: 'HookFailedError', code: 'HOOK_FAILED', message: expect.stringMatching(/ended with status 7: first no permission to create; run it by hand/) as string })
  })

  test('that says much is told by its end', async () => {
    await expect(run(['sh', '-c', 'i=0; while [ $i -lt 20000 ]; do echo filler; i=$((i+1)); done; echo the end; exit 1'])).rejects.toThrow(/: …[filer ]+ the end;/)
  })

  test('does not tell secrets of the environment', async () => {
    const failure = run(['sh', '-c', 'echo "login with $REGISTRY_PASSWORD at https://me:hunter2@r.example.com"; exit 1'], { env: { REGISTRY_PASSWORD: 'correct horse' } })
    await expect(failure).rejects.toThrow('login with *** at https://***@r.example.com')
    await expect(failure).rejects.not.toThrow(/correct horse.*;|hunter2/)
  })

  test('that is not there', async () => {
    await expect(run(['no-such-program-here'])).rejects.toThrow('the hook "no-such-program-here" is not there; install no-such-program-here, name it with its whole path, or correct PATH')
    await expect(run(['./no-such-program-here'])).rejects.toThrow(`is not there; its path is taken from the folder in which longshore was started, ${process.cwd()}: put it there`)
    await expect(run(['/no/such/program'])).rejects.toThrow('is not there; put it there, with its interpreter, or correct the path')
  })

  test('that may not be run', async () => {
    const file = join(folder, 'script')
    await writeFile(file, 'exit 0\n', { mode: 0o600 })
    await expect(run([file])).rejects.toThrow(/could not be started \(EACCES\)/)
  })

  test('that hangs is killed with all that it started', async () => {
    const file = join(folder, 'pid')
    const failure = run(['sh', '-c', 'sh -c \'trap "" TERM; echo $$ > "$1"; while :; do sleep 1; done\' sh "$1" & wait', 'sh', file], { timeoutMs: 1500 })
    await expect(failure).rejects.toThrow('did not end within 1.5 s and was killed')
    await untilGone(await pidIn(file))
  })

  test('is killed when the run is stopped, and the reason is the signal\'s', async () => {
    const file = join(folder, 'pid')
    const abort = new AbortController()
    const running = run(['sh', '-c', 'echo $$ > "$1"; sleep 600', 'sh', file], { signal: abort.signal })
    const pid = await pidIn(file)
    abort.abort(new Error('stopped by a person'))
    await expect(running).rejects.toThrow('stopped by a person')
    await untilGone(pid)
  })

  test('that leaves something running in the background has ended all the same', async () => {
    const file = join(folder, 'pid')
    await run(['sh', '-c', 'sleep 600 & echo $! > "$1"', 'sh', file])
    process.kill(await pidIn(file), 'SIGKILL')
  })
})
