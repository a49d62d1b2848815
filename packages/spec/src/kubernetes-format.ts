// Whether a text is Kubernetes' own, told without a parser: every object says apiVersion and kind, and no other format has both.

/** @returns false also for what only a parser can tell; such files are named with `--format kubernetes` */
export function isKubernetes(text: string): boolean {
  const head = significant(text)
  if (/^[[{]/.test(head)) return isKubernetesJson(head)
  return /^(?:- +)?["']?apiVersion["']?\s*:/m.test(text) && /^(?:- +| {2})?["']?kind["']?\s*:/m.test(text)
}

/** The first objects say it soon, whichever way their keys are sorted. */
function isKubernetesJson(head: string): boolean {
  if (/^\[?\s*\{\s*["']?(?:apiVersion|kind)["']?\s*:/.test(head)) return /["']?apiVersion["']?\s*:/.test(head) && /["']?kind["']?\s*:/.test(head)
  if (!head.includes('"apiVersion"') || !head.includes('"kind"')) return false
  try {
    const value = JSON.parse(head) as unknown
    const first: unknown = Array.isArray(value) ? value[0] : value
    return typeof first === 'object' && first !== null && 'apiVersion' in first && 'kind' in first
  } catch {
    return false
  }
}

/** From the first line on that is no comment and no mark of YAML's. */
export function significant(text: string): string {
  // One after the other: as one pattern, millions of them are too many for the engine's stack.
  const nothing = /[ \t]*(?:#[^\n]*)?\r?\n|%[^\n]*\n|---[ \t]*(?:#[^\n]*)?\r?\n|---[ \t]+(?=[[{])|[ \t]+(?=[[{])/y
  let at = 0
  while (nothing.test(text)) at = nothing.lastIndex
  return text.slice(at)
}
