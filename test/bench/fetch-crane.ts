import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Debian sid's crane, unpacked under `work` with apt state of its own: nothing is installed, and the machine's sources stay as they
 * are. The mirror is the one the machine uses.
 */
export function fetchCrane(work: string): string {
  const home = join(work, 'crane')
  const program = join(home, 'usr/bin/crane')
  if (existsSync(program)) return program
  const apt = join(work, 'apt')
  for (const folder of ['lists/partial', 'cache/archives/partial', 'state']) mkdirSync(join(apt, folder), { recursive: true })
  writeFileSync(join(apt, 'state/status'), '')
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${debianMirror()} sid main\n`)
  const options = [
    `Dir::State=${apt}/state`, `Dir::State::lists=${apt}/lists`, `Dir::State::status=${apt}/state/status`, `Dir::Cache=${apt}/cache`,
    `Dir::Etc::sourcelist=${apt}/sources.list`, 'Dir::Etc::sourceparts=-', 'Acquire::Languages=none', 'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
  const run = (file: string, ...args: string[]): void => void execFileSync(file, args, { cwd: apt, stdio: ['ignore', 'ignore', 'inherit'] })
  run('apt-get', ...options, 'update')
  run('apt-get', ...options, 'download', 'crane')
  const archive = readdirSync(apt).find((name) => name.startsWith('crane_') && name.endsWith('.deb'))
  if (archive === undefined) throw new Error('sid has no package crane')
  rmSync(`${home}.new`, { recursive: true, force: true })
  run('dpkg', '-x', archive, `${home}.new`)
  rmSync(home, { recursive: true, force: true })
  renameSync(`${home}.new`, home)
  return program
}

function debianMirror(): string {
  const folder = '/etc/apt/sources.list.d'
  const files = ['/etc/apt/sources.list', ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])]
  for (const file of files) {
    const found = existsSync(file) ? /https?:\/\/[^\s/]+\/debian\/?(?=\s)/.exec(`${readFileSync(file, 'utf8')}\n`) : null
    if (found) return found[0]
  }
  throw new Error('no Debian mirror in /etc/apt: put a crane binary at test/bench/.work/crane/usr/bin/crane')
}
