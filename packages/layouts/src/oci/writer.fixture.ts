// A process that writes images into a layout: `node writer.fixture.ts PATH PREFIX COUNT`.
import type { RepositoryName, Tag } from '@longshore/oci'
import { fill, image } from '@longshore/testing'
import { openOciLayout } from './layout.ts'

const [path = '', prefix = '', count = '0'] = process.argv.slice(2)
await using layout = openOciLayout(`oci:${path}`)
for (let i = 0; i < Number(count); i++) {
  await fill(layout, '' as RepositoryName, image({ seed: `${prefix} ${i}`, layers: [100] }), `${prefix}-${i}` as Tag)
}
