// Real servers are a need of the suite, not an extra: what is missing is installed, and if that cannot be, the suite fails.
import { execFile } from 'node:child_process'
import { access, constants, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { installHint } from './docker-registry.ts'
import { chooseServers } from './engine.ts'

const run = promisify(execFile)

/** Command to the Debian package that has it. */
const local = { 'docker-registry': 'docker-registry', skopeo: 'skopeo', podman: 'podman', 'redis-server': 'redis-server', htpasswd: 'apache2-utils', openssl: 'openssl', gpg: 'gnupg', fish: 'fish', zsh: 'zsh' } as const
const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Installs what is missing, as root on Debian and its kin. @throws Error of one line that says what to install */
export async function ensureServers(): Promise<void> {
  const missing = await missingPackages()
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !await isThere('apt-get')) throw new Error(`missing: ${missing.join(', ')}; ${installHint}`)
  // Debian's packages start their services when installed; this is how to say no. https://www.debian.org/doc/debian-policy/ch-opersys.html
  const policy = '/usr/sbin/policy-rc.d'
  const isOurs = await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(() => true, () => false)
  try {
    const options = { env: { PATH: folders.join(':'), DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 64 * 1024 * 1024 }
    const install = async (): Promise<unknown> => run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], options)
    await install().catch(async () => {
      await run('apt-get', ['update'], options)
      await install()
    })
  } catch (error) {
    throw new Error(`could not install ${missing.join(', ')}; ${installHint}`, { cause: error })
  } finally {
    if (isOurs) await rm(policy, { force: true })
  }
}

async function missingPackages(): Promise<readonly string[]> {
  const missing: string[] = []
  const from = await chooseServers()
  for (const [command, name] of Object.entries(local)) {
    if (command === 'docker-registry' && from === 'containers') continue
    if (!await isThere(command)) missing.push(name)
  }
  return missing
}

async function isThere(command: string): Promise<boolean> {
  for (const folder of folders) {
    if (await access(`${folder}/${command}`, constants.X_OK).then(() => true, () => false)) return true
  }
  return false
}
