import type { CutoverPlan } from './cutover-plan.ts'

/** What a spec without a `cutover:` section goes by. A function, as a validator is loaded for it. */
export async function defaultCutover(): Promise<CutoverPlan> {
  const { cutoverPlanOf } = await import('./cutover-schema.ts')
  return cutoverPlanOf({})
}
