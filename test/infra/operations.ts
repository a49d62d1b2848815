// What docs/operations.md says, as data: the tests hold the manifests and the code to it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './tools.ts'

const text = readFileSync(join(root, 'docs/operations.md'), 'utf8')

/** Rows of the table whose heading begins with these cells. */
function table(...heading: readonly string[]): ReadonlyArray<readonly string[]> {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${heading.join(' | ')} |`))
  if (start < 0) throw new Error(`docs/operations.md has no table | ${heading.join(' | ')} |`)
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'))
  // Code may hold a bar, written \|.
  return lines.slice(start + 2, end).map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()))
}

const codeIn = (cell: string | undefined): readonly string[] => [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')

/** Every variable of the table of settings. */
export const variables: ReadonlySet<string> = new Set(table('variable', 'flag', 'of').flatMap(([names]) => codeIn(names)))

/** `name/key` of each Secret that a user brings. */
export const userSecrets: ReadonlySet<string> = new Set(table('Secret', 'key').map(([name, key]) => `${codeIn(name)[0]}/${codeIn(key)[0]}`))

export const overlays: readonly string[] = table('overlay', 'adds to the base').flatMap(([name]) => codeIn(name))

/** As GitHub makes them. */
export const anchors: ReadonlySet<string> = new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-')))
