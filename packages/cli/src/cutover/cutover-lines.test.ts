import { NotReadyError } from '@longshore/prepare'
import { toRecord } from '@longshore/oci'
import { expect, test } from 'vitest'
import { lineOfCutover } from './cutover-lines.ts'

test('a trouble of several lines is told in one', () => {
  const finding = { severity: 'problem', kind: 'project-missing', registry: 'harbor.example.com', project: 'team', message: 'there is no such project', remedy: 'create it' } as const
  const error = toRecord(new NotReadyError([finding, { ...finding, project: 'blue' }]))
  expect(lineOfCutover({ type: 'trouble', error, hint: '', retryMs: 2_000 }, 'freeze')).toMatch(/^trouble: harbor\.example\.com\/team: there is no such project; create it; harbor\.example\.com\/blue: [^\n\\]+; tried again in 2\.0 s$/)
})
