// Writes schema/longshore.schema.json: node packages/spec/src/write-schema.ts
import { writeFile } from 'node:fs/promises'
import { jsonSchema } from './schema.ts'

await writeFile(new URL('../schema/longshore.schema.json', import.meta.url), jsonSchema())
