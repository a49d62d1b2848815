import { expect, test } from 'vitest'
import { reportJsonSchema } from './report-schema.ts'

// `npx vitest run packages/report/src/report-schema.test.ts -u` writes it anew.
test('schema/report.schema.json is what the code says', async () => {
  await expect(`${JSON.stringify(reportJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot('../schema/report.schema.json')
})
