export { type Report, reportJsonSchema, reportSchema } from './report-schema.ts'
export { run } from './run.ts'
