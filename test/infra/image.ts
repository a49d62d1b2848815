// Builds infra/docker/Dockerfile with podman as a user would, but on a Debian that is put together here: nothing is pulled.
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianMirror, install, type Ran, root, run, type RunOptions, tryRun } from './tools.ts'

const base = 'localhost/longshore-tests/debian:bookworm'
/** The same with Node and npm: Debian's npm is 300 packages. */
const buildBase = 'localhost/longshore-tests/debian-npm:bookworm'
export const image = 'localhost/longshore-tests/longshore:latest'

/** As in containers.conf: a machine that lets nobody have a million open files still runs containers. */
const conf = join(mkdtempSync(join(tmpdir(), 'longshore-podman-')), 'containers.conf')
writeFileSync(conf, '[containers]\ndefault_ulimits=["nofile=1000:1000","nproc=1000:1000"]\n[engine]\nruntime="runc"\n')
process.once('exit', () => { rmSync(join(conf, '..'), { recursive: true, force: true }) })

export async function podman(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run('podman', args, { ...options, env: { CONTAINERS_CONF: conf } })
}

export async function tryPodman(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return tryRun('podman', args, { ...options, env: { CONTAINERS_CONF: conf } })
}

export async function buildImage(): Promise<void> {
  await install({ podman: 'podman', runc: 'runc', debootstrap: 'debootstrap', netavark: 'netavark', conmon: 'conmon' })
  if (!await has(base)) await importBase()
  if (!await has(buildBase)) await makeBuildBase()
  const secrets = mkdtempSync(join(tmpdir(), 'longshore-secrets-'))
  try {
    // How this machine reaches the npm registry. It is the build's own affair: the tests look for it in the image.
    const npmrc = join(secrets, 'npmrc')
    const userconfig = (await run('npm', ['config', 'get', 'userconfig'])).stdout.trim()
    const registry = (await run('npm', ['config', 'get', 'registry'])).stdout.trim()
    writeFileSync(npmrc, `${existsSync(userconfig) ? readFileSync(userconfig, 'utf8') : ''}\nregistry=${registry}\n`)
    const ca = process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE']
    await podman([
      'build', '--format', 'docker', '--network', 'host', '--pull=never', '--build-arg', `BASE=${base}`, '--build-arg', `BUILD_BASE=${buildBase}`,
      '--build-arg', 'VERSION=0.0.0-test', '--build-arg', 'REVISION=tested',
      '--secret', `id=npmrc,src=${npmrc}`, ...(ca !== undefined && existsSync(ca) ? ['--secret', `id=ca,src=${ca}`] : []),
      '-f', 'infra/docker/Dockerfile', '-t', image, '.',
    ], { timeoutMs: 900_000 })
  } finally {
    rmSync(secrets, { recursive: true, force: true })
  }
}

async function has(name: string): Promise<boolean> {
  return (await tryPodman(['image', 'exists', name])).code === 0
}

async function importBase(): Promise<void> {
  // In memory where there is some: a Debian is 8,000 small files, each synced to disk by dpkg.
  const work = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longshore-debian-'))
  try {
    // Not on disk for long either.
    await run('debootstrap', ['--variant=minbase', 'bookworm', join(work, 'root'), debianMirror()], { timeoutMs: 600_000 })
    writeFileSync(join(work, 'root/etc/dpkg/dpkg.cfg.d/speedup'), 'force-unsafe-io\n')
    await run('sh', ['-c', 'rm -rf root/var/cache/apt/archives/*.deb root/var/lib/apt/lists/* root/usr/share/doc/* root/usr/share/man/* root/usr/share/locale/* && tar -C root -cf base.tar .'], { cwd: work })
    await podman(['import', join(work, 'base.tar'), base], { timeoutMs: 300_000 })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** With the npm that runs here and the Node of package-lock.json, under which it runs anywhere. */
async function makeBuildBase(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'longshore-npm-'))
  try {
    // …/npm/bin/npm-cli.js
    const npm = join((await run('sh', ['-c', 'readlink -f "$(command -v npm)"'])).stdout.trim(), '../..')
    mkdirSync(join(work, 'context'))
    await run('cp', ['-rL', npm, join(work, 'context/npm')])
    await run('cp', ['-L', join(root, 'node_modules/node/bin/node'), join(work, 'context/node')])
    writeFileSync(join(work, 'Containerfile'), [
      `FROM ${base}`, 'COPY node /usr/local/bin/node', 'COPY npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx && npm --version', '',
    ].join('\n'))
    await podman(['build', '--pull=never', '--network', 'none', '-f', join(work, 'Containerfile'), '-t', buildBase, join(work, 'context')], { timeoutMs: 300_000 })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

export interface Container extends AsyncDisposable { readonly name: string; readonly logs: () => Promise<string> }

/** As Kubernetes runs it: read-only, without capabilities, nothing writable at all. */
export const confined = ['--read-only', '--read-only-tmpfs=false', '--cap-drop=all', '--security-opt=no-new-privileges', '--no-healthcheck'] as const

/** Runs to its end. */
export async function runImage(options: readonly string[], args: readonly string[]): Promise<Ran> {
  return tryPodman(['run', '--rm', '--pull=never', ...confined, ...options, image, ...args], { timeoutMs: 60_000 })
}

const started = new Set<string>()

/** What tests that timed out left behind. */
export async function removeContainers(): Promise<void> {
  for (const name of started) await tryPodman(['rm', '--force', '--time', '0', name])
}

/** Runs in the background, on the host's network: what it listens to is on loopback. */
export async function startImage(options: readonly string[], args: readonly string[]): Promise<Container> {
  const name = `longshore-tests-${randomUUID().slice(0, 8)}`
  started.add(name)
  await podman(['run', '--detach', '--name', name, '--pull=never', '--network', 'host', ...confined, ...options, image, ...args])
  return {
    name,
    async logs() {
      const { stdout, stderr } = await podman(['logs', name])
      return stdout + stderr
    },
    async [Symbol.asyncDispose]() {
      await tryPodman(['rm', '--force', '--time', '0', name])
      started.delete(name)
    },
  }
}
