import { describe, expect, test } from 'vitest'
import { spellOutBooleans } from './flags.ts'
import { createProgram } from './program.ts'

const program = createProgram('0', () => {})

describe('help', () => {
  test.each(program.commands.map((command) => [command.name(), command] as const))('%s has a summary, an explanation and examples', (_, command) => {
    let text = ''
    command.configureOutput({ writeOut: (out) => { text += out } })
    command.outputHelp()
    expect(command.summary()).not.toBe('')
    expect(command.description()).not.toBe('')
    expect(text).toMatch(/Examples?:\n {2}\S*longshore|source </)
  })
})

describe('flags that may stand alone', () => {
  test.each<[readonly string[], readonly string[]]>([
    [['migrate', '--src-tls-verify', 'list.txt'], ['migrate', '--src-tls-verify=true', 'list.txt']],
    [['migrate', '--src-tls-verify=false', 'list.txt'], ['migrate', '--src-tls-verify=false', 'list.txt']],
    [['migrate', '--', '--referrers'], ['migrate', '--', '--referrers']],
    [['migrate', '--dry-run', 'x'], ['migrate', '--dry-run', 'x']],
    [['migrate', '--debug', 'x'], ['migrate', '--debug', 'x']],
  ])('%j is %j', (given, spelled) => { expect(spellOutBooleans(given, program)).toEqual(spelled) })
})
