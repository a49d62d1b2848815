import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from './corpora.ts'
import { fetchCrane } from './fetch-crane.ts'

export interface Command { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }

export interface Job {
  readonly corpus: Corpus
  /** `host:port`, of a proxy when there is a delay. */
  readonly source: string
  readonly destination: string
  /** A fresh folder of this run. */
  readonly scratch: string
  readonly work: string
}

/** Numbers whose meaning is the peer's own: connections, processes, jobs. */
export type Setting = readonly number[]

export interface Peer {
  readonly name: string
  /** The first is the best we found; `--tune` tries them all. `far` is from 10 ms of round trip. */
  readonly settings: { readonly near: readonly Setting[]; readonly far: readonly Setting[] }
  /** A round trip makes it so slow that it is left out unless `--slow` is given. */
  readonly slowAfar?: boolean
  command(job: Job, setting: Setting): Command
  /** Why it cannot run here. */
  missing?(): string | undefined
}

const repositoryRoot = join(import.meta.dirname, '../..')
const longshore = join(repositoryRoot, 'bin/longshore')

export const peers: readonly Peer[] = [
  {
    name: 'longshore',
    settings: { near: [[]], far: [[]] },
    missing: () => (existsSync(longshore) ? undefined : 'bin/longshore is not there yet'),
    command: (job) => ({
      argv: [longshore, 'migrate', imagesList(job), '--from', job.source, '--to', job.destination, '--src-tls-verify=false', '--dest-tls-verify=false'],
      env: anonymous(job),
    }),
  },
  {
    name: 'floor',
    settings: { near: [[30], [16], [60]], far: [[128], [256], [64]] },
    command: (job, [connections]) => ({
      argv: [
        process.execPath, join(import.meta.dirname, 'floor.ts'), join(job.corpus.root, '../corpus.json'), job.source, job.destination, String(connections),
        job.corpus.rerun ? 'rerun' : 'copy',
      ],
      env: {},
    }),
  },
  {
    // One process per repository, as `crane copy --all-tags` takes one: `xargs -P` processes with `--jobs` each.
    name: 'crane',
    settings: { near: [[4, 4], [2, 4], [2, 8], [8, 4], [16, 8]], far: [[40, 8], [20, 16], [60, 16]] },
    command: (job, [processes, jobs]) => ({
      argv: xargs(job, Object.keys(job.corpus.repositories), processes ?? 1, [
        fetchCrane(job.work), 'copy', '--all-tags', '--jobs', String(jobs), `${job.source}/{}`, `${job.destination}/{}`,
      ]),
      env: anonymous(job),
    }),
  },
  {
    name: 'skopeo-sync',
    settings: { near: [[]], far: [[]] },
    slowAfar: true,
    command: (job) => {
      const file = join(job.scratch, 'sync.yml')
      const images = Object.entries(job.corpus.repositories).map(([name, tags]) => `    ${name}: [${Object.keys(tags).map((t) => `"${t}"`).join(', ')}]\n`)
      writeFileSync(file, `${job.source}:\n  tls-verify: false\n  images:\n${images.join('')}`)
      return {
        argv: freshBlobCache(['skopeo', '--insecure-policy', 'sync', '--src', 'yaml', '--dest', 'docker', '--all', '--preserve-digests', '--dest-tls-verify=false', file, `${job.destination}/bench`]),
        env: anonymous(job),
      }
    },
  },
  {
    name: 'skopeo-xargs',
    settings: { near: [[8], [4], [16]], far: [[64], [32]] },
    slowAfar: true,
    command: (job, [processes]) => ({
      argv: freshBlobCache(xargs(job, references(job.corpus), processes ?? 1, [
        'skopeo', '--insecure-policy', 'copy', '--quiet', '--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false',
        `docker://${job.source}/{}`, `docker://${job.destination}/{}`,
      ])),
      env: anonymous(job),
    }),
  },
]

function references(corpus: Corpus): readonly string[] {
  return Object.entries(corpus.repositories).flatMap(([name, tags]) => Object.keys(tags).map((tag) => `${name}:${tag}`))
}

function imagesList(job: Job): string {
  const file = join(job.scratch, 'images-list.txt')
  writeFileSync(file, `${references(job.corpus).join('\n')}\n`)
  return file
}

function xargs(job: Job, lines: readonly string[], processes: number, command: readonly string[]): readonly string[] {
  const file = join(job.scratch, 'lines')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return ['xargs', '-a', file, '-P', String(processes), '-I', '{}', ...command]
}

/** No person's login, and no registry aliases, may play a part. */
export function anonymous(job: Pick<Job, 'scratch'>): Record<string, string> {
  const config = join(job.scratch, 'docker')
  mkdirSync(config, { recursive: true })
  return { DOCKER_CONFIG: config }
}

/** Root's skopeo remembers blobs on the machine; each run starts without, in a mount namespace of its own. */
export function freshBlobCache(argv: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return argv
  return ['unshare', '--mount', 'sh', '-c', 'mkdir -p /var/lib/containers/cache && mount -t tmpfs none /var/lib/containers/cache && exec "$@"', 'sh', ...argv]
}
