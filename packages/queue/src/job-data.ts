import type { NodeKey } from '@longshore/transfer'

/** What travels: keys, never content, never credentials. A process of another version may have written it, or may read it: one that does not know of `v: 2` drops it. */
export type JobData =
  | { readonly v: 1; readonly migration: string; readonly node: NodeKey }
  | { readonly v: 2; readonly migration: string; readonly nodes: readonly NodeKey[] }

/** `undefined`: of another version, or nobody knows what. */
export function parseJobData(data: unknown): { readonly migration: string; readonly nodes: readonly NodeKey[] } | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { v, migration, node, nodes: several } = data as Readonly<Record<string, unknown>>
  const nodes = v === 1 ? [node] : v === 2 ? several : undefined
  if (typeof migration !== 'string' || migration === '') return undefined
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.some((key) => typeof key !== 'string' || key === '')) return undefined
  return { migration, nodes: nodes as readonly NodeKey[] }
}
