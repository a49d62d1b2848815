// `${NAME}` in a hook's URL and headers. It is looked up when the hook is called, where it is called: a spec and Redis hold its name alone.
import { HookVariableError } from './errors.ts'

export interface Resolved {
  readonly text: string
  /** The values that were put in. */
  readonly secrets: readonly string[]
}

/**
 * `$${` is `${` itself. @param where names the text in messages
 * @throws HookVariableError naming a variable that is missing or empty
 */
export function resolveVariables(template: string, env: Readonly<Record<string, string | undefined>>, hook: string, where: string): Resolved {
  const secrets: string[] = []
  const text = template.replace(/(\$?)\$\{([^}]*)\}/g, (all, escape: string, name: string) => {
    if (escape !== '') return all.slice(1)
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new HookVariableError(hook, `\${${name}} in ${where} is not the name of a variable (write $\${ for the text \${ itself)`)
    const value = env[name]
    if (value === undefined || value === '') throw new HookVariableError(hook, `${where} needs ${name}, which is not set in the environment of this process; set it where the hook is called from`)
    secrets.push(value)
    return value
  })
  return { text, secrets }
}
