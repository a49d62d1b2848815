// The first request waits for every module that is loaded before it: a list, moved in this process, needs few of them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

const reporter = `
import { registerHooks } from 'node:module'
const seen = new Set()
registerHooks({ load(url, context, next) { seen.add(url); return next(url, context) } })
process.on('exit', () => { for (const url of seen) process.stderr.write('loaded ' + url + '\\n') })
`

test('a run over a list loads neither YAML, validators, Redis, nor what undici has for others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-start-'))
  try {
    const file = join(folder, 'reporter.mjs')
    await writeFile(file, reporter)
    const { stderr } = await longshore(['migrate', '-', '--from', '127.0.0.1:1', '--to', '127.0.0.1:1/copy', '--src-tls-verify=false', '--dest-tls-verify=false'], {
      stdin: 'library/app:1\n', env: { NODE_OPTIONS: `--import ${file}` },
    })
    const loaded = [...stderr.matchAll(/^loaded (file:.*)$/gm)].map(([, url = '']) => url)
    const packages = new Set(loaded.map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]).filter((name) => name !== undefined))
    expect([...packages].toSorted()).toEqual(['commander', 'undici'])
    expect(loaded.filter((url) => /\/undici\/(?:index|lib\/(?:web|mock|cache))/.test(url))).toEqual([])
    expect(loaded.length).toBeLessThan(250)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
