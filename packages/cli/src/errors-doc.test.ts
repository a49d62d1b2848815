import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RegistryErrorCodes } from '@longshore/oci'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const headings = new Set([...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^### ([A-Z0-9_]+)$/gm)].map(([, code]) => code))

/** Every code that an error class declares or a ConnectionError is made with. */
function codesOfSources(): ReadonlySet<string> {
  const codes = new Set<string>(RegistryErrorCodes)
  for (const folder of ['packages', 'services'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(root, kind, name)))) {
    if (folder.endsWith('/testing')) continue
    for (const entry of readdirSync(join(folder, 'src'), { withFileTypes: true, recursive: true })) {
      if (!entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
      for (const [, code] of text.matchAll(/\bcode = '([A-Z0-9_]+)'/g)) codes.add(code!)
      for (const [, code] of text.matchAll(/new ConnectionError\(\s*'([A-Z0-9_]+)'/g)) codes.add(code!)
      for (const [, union] of text.matchAll(/\bcode: ('[A-Z_]+'(?: \| '[A-Z_]+')+)/g)) for (const [, code] of union!.matchAll(/'([A-Z_]+)'/g)) codes.add(code!)
    }
  }
  return codes
}

describe('docs/errors.md', () => {
  const codes = codesOfSources()

  test('the scan finds the codes', () => {
    expect([...codes]).toEqual(expect.arrayContaining(['USAGE', 'SPEC_INVALID', 'STALLED', 'TAG_CONFLICT', 'CREDENTIALS_INVALID', 'MANIFEST_UNKNOWN']))
  })

  test('every code has an entry', () => {
    expect([...codes].filter((code) => !headings.has(code))).toEqual([])
  })

  test('every entry is about a code that exists', () => {
    expect([...headings].filter((code) => code !== 'HTTP_' && !codes.has(code!))).toEqual([])
  })
})
