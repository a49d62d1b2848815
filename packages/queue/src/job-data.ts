import type { NodeKey } from '@longshore/transfer'

/** What travels: a key, never content, never credentials. A process of another version may have written it. */
export interface JobData { readonly v: 1; readonly migration: string; readonly node: NodeKey }

/** `undefined`: of another version, or nobody knows what. */
export function parseJobData(data: unknown): JobData | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { v, migration, node } = data as Readonly<Record<string, unknown>>
  if (v !== 1 || typeof migration !== 'string' || typeof node !== 'string' || migration === '' || node === '') return undefined
  return { v, migration, node: node as NodeKey }
}
