// The programs that these tests need besides servers. What is missing is fetched or installed; what cannot be had fails the suite.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const root = join(import.meta.dirname, '../..')

/** Outside the tree: a fresh clone on the same machine finds it again. */
const cache = join(homedir(), '.cache/longshore-tests')

export interface Ran { readonly stdout: string; readonly stderr: string; readonly code: number }

export interface RunOptions { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number }

/** @throws Error with the end of what it wrote, unless it ends with 0 */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await tryRun(file, args, options)
  if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${ran.code}:\n${(ran.stdout + ran.stderr).slice(-4000)}`)
  return ran
}

export async function tryRun(file: string, args: readonly string[], { cwd = root, env, timeoutMs = 60_000 }: RunOptions = {}): Promise<Ran> {
  try {
    const ran = await promisify(execFile)(file, [...args], { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 256 * 1024 * 1024 })
    return { ...ran, code: 0 }
  } catch (error) {
    const { code, stdout = '', stderr = '', message } = error as Error & { code?: number | string; stdout?: string; stderr?: string }
    return { stdout, stderr: stderr === '' ? message : stderr, code: typeof code === 'number' ? code : -1 }
  }
}

/** kubectl with Kustomize 5: the machine's, else that of Debian 13 (Debian 12 has 1.20, with Kustomize 2). */
export async function findKubectl(): Promise<string> {
  const { stdout, code } = await tryRun('kubectl', ['version', '--client'])
  return code === 0 && /Kustomize Version: v5\./.test(stdout) ? 'kubectl' : fetchFromDebian('kubectl', 'usr/bin/kubectl')
}

/** The Compose that Docker users have (2 or later; it needs no engine to read a file): the machine's, else that of Debian 13. */
export async function findCompose(): Promise<string> {
  const { stdout, code } = await tryRun('docker-compose', ['version', '--short'])
  return code === 0 && !/^v?1\./.test(stdout.trim()) ? 'docker-compose' : fetchFromDebian('docker-compose', 'usr/libexec/docker/cli-plugins/docker-compose')
}

/** Prometheus' own judge of rules: the machine's, else that of Debian 13. */
export async function findPromtool(): Promise<string> {
  return (await tryRun('promtool', ['--version'])).code === 0 ? 'promtool' : fetchFromDebian('promtool', 'usr/bin/promtool')
}

/** sigstore's cosign: the machine's, else that of Debian's sid (13 has none); `undefined` where it cannot be had, or does not run here. */
export async function findCosign(): Promise<string | undefined> {
  const runs = async (program: string): Promise<boolean> => (await tryRun(program, ['version'])).code === 0
  if (await runs('cosign')) return 'cosign'
  const fetched = await fetchFromDebian('cosign', 'usr/bin/cosign', 'sid').catch(() => undefined)
  return fetched !== undefined && await runs(fetched) ? fetched : undefined
}

/** Installs what is missing, as root on Debian and its kin. @param commands each with the package that has it */
export async function install(commands: Readonly<Record<string, string>>): Promise<void> {
  const missing: string[] = []
  for (const [command, name] of Object.entries(commands)) {
    if ((await tryRun('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin:/usr/lib/podman; command -v ${command}`])).code !== 0) missing.push(name)
  }
  if (missing.length === 0) return
  const hint = `install what these tests need: apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0) throw new Error(hint)
  // One at a time: other test files may be at it.
  const apt = async (...args: string[]): Promise<Ran> => run('flock', ['/tmp/longshore-tests.apt.lock', 'apt-get', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: 600_000,
  })
  const get = async (): Promise<Ran> => apt('install', '-y', '--no-install-recommends', ...missing)
  await get().catch(async () => {
    await apt('update')
    await get()
  }).catch((error: unknown) => { throw new Error(hint, { cause: error }) })
}

/** One at a time in a process; other processes have folders of their own. */
let fetching: Promise<unknown> = Promise.resolve()

/** A program out of a package of Debian, unpacked with apt state of its own: nothing is installed, and the machine's sources stay as they are. */
async function fetchFromDebian(name: string, program: string, suite = 'trixie'): Promise<string> {
  const home = join(cache, name)
  const path = join(home, program)
  const before = fetching
  const fetch = async (): Promise<string> => {
    await before.catch(() => { /* its own caller hears of it */ })
    if (!existsSync(path)) await unpack(name, home, suite)
    if (!existsSync(path)) throw new Error(`Debian's ${name} has no ${program}`)
    return path
  }
  const mine = fetch()
  fetching = mine
  return mine
}

async function unpack(name: string, home: string, suite: string): Promise<void> {
  const apt = join(cache, `apt-${name}-${process.pid}`)
  for (const folder of ['lists/partial', 'cache/archives/partial', 'state']) mkdirSync(join(apt, folder), { recursive: true })
  writeFileSync(join(apt, 'state/status'), '')
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${debianMirror()} ${suite} main\n`)
  const options = [
    `Dir::State=${apt}/state`, `Dir::State::lists=${apt}/lists`, `Dir::State::status=${apt}/state/status`, `Dir::Cache=${apt}/cache`,
    `Dir::Etc::sourcelist=${apt}/sources.list`, 'Dir::Etc::sourceparts=-', 'Acquire::Languages=none', 'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
  try {
    await run('apt-get', [...options, 'update'], { cwd: apt, timeoutMs: 300_000 })
    await run('apt-get', [...options, 'download', name], { cwd: apt, timeoutMs: 300_000 })
    const archive = readdirSync(apt).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'))
    if (archive === undefined) throw new Error(`Debian's ${suite} has no package ${name}`)
    const fresh = `${home}.${process.pid}`
    await run('dpkg', ['-x', archive, fresh], { cwd: apt })
    rmSync(home, { recursive: true, force: true })
    renameSync(fresh, home)
  } finally {
    rmSync(apt, { recursive: true, force: true })
  }
}

/** The one that this machine uses. */
export function debianMirror(): string {
  const folder = '/etc/apt/sources.list.d'
  const files = ['/etc/apt/sources.list', ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])]
  for (const file of files) {
    const found = existsSync(file) ? /https?:\/\/[^\s/]+\/debian\/?(?=\s)/.exec(`${readFileSync(file, 'utf8')}\n`) : null
    if (found) return found[0]
  }
  throw new Error('no Debian mirror in /etc/apt, and kubectl or docker-compose is missing: put them on the PATH')
}
