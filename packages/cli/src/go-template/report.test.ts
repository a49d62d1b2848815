// Templates, with what Debian's skopeo 1.9.3 printed for each (`inspect -n --format`, `inspect --config --format`) of two images whose manifest and
// configuration stand in the fixture; test/e2e/skopeo-inspect.test.ts runs a few of them beside the real one.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeManifest } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { ociConfig, parseJsonObject } from '../skopeo/image-config.ts'
import { summarize } from '../skopeo/image-summary.ts'
import { compileReport } from './report.ts'
import type { GoStruct } from './value.ts'

interface Saved { readonly manifest: string; readonly config: string }
type Printed = ReadonlyArray<readonly [template: string, printed: string]>
const fixture = JSON.parse(readFileSync(join(import.meta.dirname, 'skopeo-templates.fixture.json'), 'utf8')) as {
  readonly name: string; readonly one: Saved; readonly untimed: Saved
  readonly templates: Printed; readonly configTemplates: Printed; readonly untimedTemplates: Printed; readonly refused: Printed
}

function summaryOf({ manifest, config }: Saved): GoStruct {
  const image = decodeManifest(Buffer.from(manifest), '', 'the fixture')
  if (image.kind !== 'image') throw new Error('the fixture is no image')
  return summarize({ name: fixture.name, digest: image.digest, tags: [], image, config: parseJsonObject(Buffer.from(config), 'the fixture') })
}
const print = (format: string, value: GoStruct): string => compileReport(format, 'skopeo inspect')(value)
/** What skopeo's main branch prints between the layers and the environment, and 1.9.3 does not yet. */
const withoutLayersData = (text: string): string => text.replace(/ \[\{application.*?\}\]/, '').replace(/"LayersData":\[.*?\],/, '')

describe('as skopeo 1.9.3 printed them', () => {
  // `json` alone is no template, and is told apart before (commands/skopeo-inspect.ts).
  test.each(fixture.templates.filter(([format]) => format !== '{{json .}}'))('%s', (format, printed) => { expect(withoutLayersData(print(format, summaryOf(fixture.one)))).toBe(printed) })
  test.each(fixture.untimedTemplates)('without a time: %s', (format, printed) => { expect(print(format, summaryOf(fixture.untimed))).toBe(printed) })
  test.each(fixture.configTemplates.filter(([format]) => format !== '{{json .}}'))('--config: %s', (format, printed) => {
    expect(print(format, ociConfig(parseJsonObject(Buffer.from(fixture.one.config), 'the fixture')))).toBe(printed)
  })
})

test.each(fixture.refused)('%s is refused: %s', (format, why) => {
  const tried = (): string => print(format, summaryOf(fixture.one))
  expect(tried).toThrow(why)
  expect(tried).toThrow(/^template: skopeo inspect:1(?::\d+)?: /)
})

test('what the report adds since', () => {
  expect(print('{{upper .Os}} {{title "a bc"}} {{split "a,b" ","}} {{join .Layers ","}} {{truncate .Os 3}}{{pad .Os 1 2}}|{{json .Labels}}', summaryOf(fixture.one)))
    .toMatch(/^LINUX A Bc \[a b\] sha256:[0-9a-f]{64} lin linux {2}\|\{"a":"1 & <x>","b":"2"\}\n$/)
})
