import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createProgram } from '../program.ts'
import { printCompletion } from './completion.ts'

const program = createProgram('0', () => {})

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('%s knows every command and flag', (shell) => {
    const script = printCompletion(shell, program)
    for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
      expect(script).toContain(command.name())
      for (const option of command.options) expect(script).toContain(shell === 'fish' ? `-l ${option.long!.slice(2)}` : option.long!)
    }
  })

  test.each(['bash', 'zsh', 'fish'])('%s takes the script', (shell) => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-completion-'))
    using _ = { [Symbol.dispose]: () => { rmSync(folder, { recursive: true }) } }
    const file = join(folder, 'script')
    writeFileSync(file, printCompletion(shell, program))
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  const complete = (...words: readonly string[]): readonly string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const script = `${printCompletion('bash', program)}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _longshore; printf '%s\\n' "\${COMPREPLY[@]}"`
    const folder = mkdtempSync(join(tmpdir(), 'longshore-completion-'))
    using _ = { [Symbol.dispose]: () => { rmSync(folder, { recursive: true }) } }
    writeFileSync(join(folder, 'my list.txt'), '')
    return execFileSync('bash', ['-c', script], { encoding: 'utf8', cwd: folder }).trim().split('\n')
  }
  test.each<[readonly string[], readonly string[]]>([
    [['longshore', 'mi'], ['migrate']],
    [['longshore', 'migrate', '--rep'], ['--report']],
    [['longshore', 'verify', 'x', '--extra', ''], ['list', 'fail', 'ignore']],
    [['longshore', 'completion', 'f'], ['fish']],
    // readline breaks words at the sign, unless it was told not to.
    [['longshore', 'migrate', '--platform-policy', '='], ['sparse', 'strip']],
    [['longshore', 'migrate', '--platform-policy', '=', 'st'], ['strip']],
    [['longshore', 'migrate', '--platform-policy=st'], ['--platform-policy=strip']],
    [['longshore', 'migrate', '--src-tls-verify', '='], ['true', 'false']],
    [['longshore', 'migrate', '--src-tls-verify', 'my'], ['my list.txt']],
    [['longshore', 'migrate', 'my'], ['my list.txt']],
    [['longshore', 'migrate', '--report', 'my'], ['my list.txt']],
    [['longshore', 'migrate', '--concurrency', ''], ['']],
    [['longshore', 'demo', 'my'], ['']],
    [['longshore', 'demo', ''], ['--help']],
    [['longshore', 'cutover', ''], ['freeze', 'unfreeze', 'abort', 'status', 'report', 'my list.txt']],
    [['longshore', 'cutover', 'un'], ['unfreeze']],
    [['longshore', 'cutover', 'my'], ['my list.txt']],
    [['longshore', 'cutover', '--until'], ['--until-delta']],
    [['longshore', 'cutover', 'rules.yaml', 'fre'], ['']],
    [['longshore', 'cutover', 'rules.yaml', '--report-'], ['--report-md']],
    [['longshore', 'cutover', 'status', '--j'], ['--json']],
    [['longshore', 'cutover', 'freeze', '--j'], ['']],
    [['longshore', 'cutover', 'freeze', 'my'], ['my list.txt']],
    [['longshore', 'cutover', 'freeze', 'sta'], ['']],
    [['longshore', 'cutover', 'report', '--output', 'my'], ['my list.txt']],
    [['longshore', 'cutover', '--state', 'my'], ['my list.txt']],
    [['longshore', 'prune', '--ceil'], ['--ceiling']],
    [['longshore', 'prune', '--backup-tag', 'my'], ['']],
    [['longshore', 'mapping', 'my'], ['my list.txt']],
    [['longshore', 'mapping', '--output', 'my'], ['my list.txt']],
  ])('bash completes %j', (words, answer) => { expect(complete(...words)).toEqual(answer) })

  test.each<[string, readonly string[]]>([
    ['longshore migrate --platform-policy=', ['--platform-policy=sparse', '--platform-policy=strip']],
    ['longshore migrate --src-tls-verify=', ['--src-tls-verify=false', '--src-tls-verify=true']],
    ['longshore verify --extra ', ['fail', 'ignore', 'list']],
    ['longshore migrate --concurrency ', ['']],
    ['longshore demo ', ['']],
    ['longshore cutover unf', ['unfreeze\tlet the source take writes again, and go back to deltas']],
    ['longshore cutover --until-d', ['--until-delta\tleave after N passes of deltas; the same command goes on']],
    ['longshore cutover package.json fre', ['']],
    ['longshore cutover freeze --js', ['']],
    ['longshore cutover status --js', ['--json\tJSON on stdout, for programs']],
    ['longshore cutover freeze pack', ['package-lock.json', 'package.json', 'packages/']],
    ['longshore prune --ceiling=', ['']],
    ['longshore mapping pack', ['package-lock.json', 'package.json', 'packages/']],
    ['longshore migrate pack', ['package-lock.json', 'package.json', 'packages/']],
    ['longshore migrate --report=pack', ['--report=package-lock.json', '--report=package.json', '--report=packages/']],
  ])('fish completes %j with the words alone', (line, answer) => {
    const out = execFileSync('fish', ['--no-config', '-c', `${printCompletion('fish', program)}\ncomplete -C '${line}'`], { encoding: 'utf8', env: { ...process.env, HOME: '/nonexistent' }, cwd: join(import.meta.dirname, '../../../..') })
    expect(out.trim().split('\n').toSorted()).toEqual(answer)
  })

  test('another shell is refused', () => { expect(() => printCompletion('tcsh', program)).toThrow(/bash, zsh, fish/) })
})
