import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printable } from '@longshore/oci'
import { buildCutoverReport, type CutoverRecord, type FileStore, printCutoverMarkdown } from '@longshore/cutover'
import type { AtomicFile } from '../atomic-file.ts'
import { readVersion } from '../version.ts'

/** Where the flags want them. */
export interface ReportFiles { readonly json: AtomicFile | undefined; readonly markdown: AtomicFile | undefined }
export interface ReportTexts { readonly json: string; readonly markdown: string }

export function reportTexts(record: CutoverRecord): ReportTexts {
  const report = buildCutoverReport(record, { version: readVersion(), now: new Date() })
  return { json: `${JSON.stringify(report, undefined, 2)}\n`, markdown: printCutoverMarkdown(report) }
}

/** Into the folder of its state, and where the flags say. Whether all could be written: what was decided stays decided. */
export async function writeReports(record: CutoverRecord, store: FileStore, files: ReportFiles): Promise<{ readonly path: string; readonly isWritten: boolean }> {
  const { json, markdown } = reportTexts(record)
  const folder = store.folderOf(record.id)
  const path = join(folder, 'report.md')
  const results = await Promise.all([
    attempt(join(folder, 'report.json'), () => writeFile(join(folder, 'report.json'), json)), attempt(path, () => writeFile(path, markdown)),
    ...(files.json ? [attempt(files.json.path, () => files.json?.commit([json]))] : []), ...(files.markdown ? [attempt(files.markdown.path, () => files.markdown?.commit([markdown]))] : []),
  ])
  return { path, isWritten: results.every(Boolean) }
}

async function attempt(path: string, write: () => Promise<void> | undefined): Promise<boolean> {
  try {
    await write()
    return true
  } catch (error) {
    process.stderr.write(`longshore: ${printable(`${path} could not be written: ${error instanceof Error ? error.message : String(error)}`)}\n`)
    return false
  }
}
