// The first request waits for every module that is loaded before it: a list, moved in this process, needs few of them.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

/** Into a file: what is written to a pipe as a process ends may be cut. */
const reporter = (out: string): string => `
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
const seen = new Set()
registerHooks({ load(url, context, next) { seen.add(url); return next(url, context) } })
process.on('exit', () => writeFileSync(${JSON.stringify(out)}, [...seen].join('\\n')))
`

/** Every module that a command loads: file URLs. */
async function modulesOf(args: readonly string[], stdin = ''): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-start-'))
  try {
    const file = join(folder, 'reporter.mjs')
    const out = join(folder, 'loaded.txt')
    await writeFile(file, reporter(out))
    await longshore(args, { stdin, env: { NODE_OPTIONS: `--import ${file}` } })
    return (await readFile(out, 'utf8')).split('\n').filter((url) => url.startsWith('file:'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function packagesOf(loaded: readonly string[]): readonly string[] {
  return [...new Set(loaded.map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]).filter((name) => name !== undefined))].toSorted()
}

test('--help loads the grammar alone', async () => {
  const loaded = await modulesOf(['--help'])
  expect(packagesOf(loaded)).toEqual(['commander'])
  expect(loaded.length).toBeLessThan(60)
})

test('a run over a list loads neither YAML, validators, Redis, nor what undici has for others', async () => {
  const loaded = await modulesOf(['migrate', '-', '--from', '127.0.0.1:1', '--to', '127.0.0.1:1/copy', '--src-tls-verify=false', '--dest-tls-verify=false'], 'library/app:1\n')
  expect(packagesOf(loaded)).toEqual(['commander', 'picomatch', 'undici'])
  expect(loaded.filter((url) => /\/undici\/(?:index|lib\/(?:web|mock|cache))/.test(url))).toEqual([])
  expect(loaded.length).toBeLessThan(250)
})
