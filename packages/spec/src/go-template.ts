// The Go templates of regsync's files, as far as they are an environment variable, a file, or a field of their own step.
import type { Surroundings } from './env-value.ts'

/** @param fields what `.Sync.Source` and the like say @throws SyntaxError */
export function goTemplate(text: string, fields: Readonly<Record<string, string | undefined>>, surroundings: Surroundings | undefined): string {
  if (!text.includes('{{')) return text
  const out = text.replaceAll(/(\s*)\{\{(-?)\s*((?:[^"`}]|"(?:[^"\\]|\\.)*"|`[^`]*`)*?)\s*(-?)\}\}(\s*)/g, (_, before: string, trimsBefore: string, action: string, trimsAfter: string, after: string) =>
    `${trimsBefore === '' ? before : ''}${valueOf(action, fields, surroundings)}${trimsAfter === '' ? after : ''}`)
  if (/\{\{/.test(out) && out === text) throw new SyntaxError(`the template ${JSON.stringify(text)} does not end with }}`)
  return out
}

function valueOf(action: string, fields: Readonly<Record<string, string | undefined>>, surroundings: Surroundings | undefined): string {
  const field = /^(\.\w+(?:\.\w+)*)$/.exec(action)?.[1]
  if (field !== undefined && Object.hasOwn(fields, field)) return fields[field] ?? ''
  const call = /^(env|file)\s+(?:"((?:[^"\\]|\\["\\])*)"|`([^`]*)`)$/.exec(action)
  const argument = (call?.[2]?.replaceAll(/\\(["\\])/g, '$1') ?? call?.[3]) ?? ''
  if (!call) throw new SyntaxError(`the template {{${action}}} is not taken: env, file and ${Object.keys(fields).join(', ') || 'no fields'} are; write out what it says`)
  if (!surroundings) throw new SyntaxError(`the template {{${action}}} asks for what is not known here: write out what it says`)
  if (call[1] === 'env') {
    const value = surroundings.env[argument]
    if (value === undefined) throw new SyntaxError(`there is no ${argument} in the environment, for which a template asks`)
    return value
  }
  try { return surroundings.readFile(argument) } catch (error) {
    throw new SyntaxError(`the file ${argument}, for which a template asks, cannot be read${error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''}`, { cause: error })
  }
}
