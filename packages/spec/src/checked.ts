import { z } from 'zod'

/** A string that `parse` takes; its complaint is the issue's message. */
export function checked(parse: (text: string) => unknown, description: string): z.ZodString {
  return z.string().check((context) => {
    try { parse(context.value) } catch (error) {
      context.issues.push({ code: 'custom', message: (error as Error).message, input: context.value })
    }
  }).describe(description)
}
