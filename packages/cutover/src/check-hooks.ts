import { hookFault } from '@longshore/hooks'
import { type CutoverPlan, type Problem, SpecError } from '@longshore/spec'

/**
 * What the night calls has to be there in the morning. Asked where the hooks are to be called.
 * @param at where the plan is written
 * @throws SpecError
 */
export async function checkHooks({ freeze: { hook, thaw } }: CutoverPlan, at: Omit<Problem, 'message'>, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const problems: Problem[] = []
  for (const [name, one] of [['hook', hook], ['thaw', thaw]] as const) {
    const fault = one && await hookFault(one, env)
    if (fault !== undefined) problems.push({ ...at, message: `cutover.freeze.${name}: ${fault}` })
  }
  if (problems.length > 0) throw new SpecError(problems)
}
