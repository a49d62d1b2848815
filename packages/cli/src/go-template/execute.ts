// Carries out a parsed template over a value.
import { functions, isTrue, method } from './functions.ts'
import type { Node, Operand, Pipeline } from './parse.ts'
import { show, typeOf } from './print.ts'
import { positionAt, TemplateError } from './template-error.ts'
import { GoDigest, GoList, GoMap, GoNil, GoStruct, GoTime, type GoValue } from './value.ts'

/** What a map gives for a key that it does not have; printed by itself it says so. */
const noValue = new GoNil('no value')

type Flow = 'on' | 'break' | 'continue'

/** @throws TemplateError */
export function execute(name: string, template: string, nodes: readonly Node[], data: GoValue): string {
  let out = ''
  const variables: Array<{ readonly name: string; value: GoValue }> = [{ name: '$', value: data }]
  run(nodes, data)
  return out

  function refuse({ at, text }: Operand, why: string): TemplateError {
    const { line, column } = positionAt(template, at)
    return new TemplateError(`template: ${name}:${line}:${column}: executing ${JSON.stringify(name)} at <${text}>: ${why}`)
  }

  function run(list: readonly Node[], dot: GoValue): Flow {
    const mark = variables.length
    try {
      for (const node of list) {
        const flow = step(node, dot)
        if (flow !== 'on') return flow
      }
      return 'on'
    } finally {
      variables.length = mark
    }
  }

  function step(node: Node, dot: GoValue): Flow {
    switch (node.kind) {
      case 'text': out += node.text; return 'on'
      case 'break': case 'continue': return node.kind
      case 'print': {
        const value = evaluate(node.pipeline, dot)
        if (node.pipeline.variables.length > 0) bind(node.pipeline, [value])
        else out += value === noValue ? '<no value>' : show(value)
        return 'on'
      }
      case 'range': return range(node, dot)
      case 'if': case 'with': {
        const mark = variables.length
        const value = evaluate(node.pipeline, dot)
        bind(node.pipeline, [value])
        const flow = isTrue(value) ? run(node.body, node.kind === 'with' ? value : dot) : run(node.otherwise, dot)
        variables.length = mark
        return flow
      }
    }
  }

  function range(node: Node & { readonly kind: 'if' | 'with' | 'range' }, dot: GoValue): Flow {
    const value = evaluate(node.pipeline, dot)
    const entries: ReadonlyArray<readonly [GoValue, GoValue]> | undefined = value instanceof GoList ? (value.items ?? []).map((item, i) => [i, item] as const)
      : value instanceof GoMap ? [...value.entries ?? []] : value instanceof GoNil ? [] : undefined
    const [first] = node.pipeline.commands.at(-1) ?? []
    if (!entries) throw refuse(first ?? { kind: 'nil', at: node.pipeline.at, text: '' }, `range can't iterate over ${show(value)}`)
    if (entries.length === 0) return run(node.otherwise, dot)
    for (const [key, item] of entries) {
      const mark = variables.length
      bind(node.pipeline, node.pipeline.variables.length > 1 ? [key, item] : [item])
      const flow = run(node.body, item)
      variables.length = mark
      if (flow === 'break') break
    }
    return 'on'
  }

  function bind({ variables: names, assigns }: Pipeline, values: readonly GoValue[]): void {
    for (const [i, variable] of names.entries()) {
      const value = values[i] ?? noValue
      const known = assigns ? variables.findLast((one) => one.name === variable) : undefined
      if (known) known.value = value
      else variables.push({ name: variable, value })
    }
  }

  function evaluate({ commands }: Pipeline, dot: GoValue): GoValue {
    let last: readonly GoValue[] = []
    for (const [first, ...rest] of commands) {
      if (!first) continue
      last = [call(first, rest, dot, last)]
    }
    return last[0] ?? noValue
  }

  /** A command: its first operand, given the others and what the pipe brought. */
  function call(first: Operand, rest: readonly Operand[], dot: GoValue, piped: readonly GoValue[]): GoValue {
    const args = (): readonly GoValue[] => [...rest.map((one) => value(one, dot)), ...piped]
    if (first.kind === 'function') {
      // The first that decides ends it: what follows may not be there.
      if (first.name === 'and' || first.name === 'or') {
        let found: GoValue = noValue
        for (const one of rest) {
          found = value(one, dot)
          if (isTrue(found) === (first.name === 'or')) return found
        }
        if (piped.length === 0 && rest.length > 0) return found
      }
      return apply(first, functions[first.name] ?? (() => noValue), args())
    }
    return 'fields' in first && first.fields.length > 0 ? fieldsOf(first, start(first, dot), first.fields, args()) : value(first, dot)
  }

  function value(operand: Operand, dot: GoValue): GoValue {
    switch (operand.kind) {
      case 'constant': return operand.value
      case 'nil': return new GoNil('nil')
      case 'function': return apply(operand, functions[operand.name] ?? (() => noValue), [])
      case 'dot': case 'variable': case 'pipeline': return fieldsOf(operand, start(operand, dot), operand.fields, [])
    }
  }

  function start(operand: Extract<Operand, { readonly fields: readonly string[] }>, dot: GoValue): GoValue {
    switch (operand.kind) {
      case 'dot': return dot
      case 'variable': return variables.findLast((one) => one.name === operand.name)?.value ?? noValue
      case 'pipeline': return evaluate(operand.pipeline, dot)
    }
  }

  function apply(operand: Operand, run_: (args: readonly GoValue[]) => GoValue, args: readonly GoValue[]): GoValue {
    try {
      return run_(args)
    } catch (error) {
      if (error instanceof TemplateError || !(error instanceof Error)) throw error
      throw refuse(operand, `error calling ${operand.text.replace(/^.*\./s, '')}: ${error.message}`)
    }
  }

  function fieldsOf(operand: Operand, from: GoValue, fields: readonly string[], args: readonly GoValue[]): GoValue {
    let at = from
    for (const [i, field] of fields.entries()) {
      const given = i === fields.length - 1 ? args : []
      const called = at instanceof GoDigest || at instanceof GoTime ? method(at, field) : undefined
      if (called) { at = apply(operand, called, given); continue }
      const found = fieldOf(operand, at, field)
      if (given.length > 0) throw refuse(operand, `${field} is not a method but has arguments`)
      at = found
    }
    return at
  }

  function fieldOf(operand: Operand, from: GoValue, field: string): GoValue {
    if (from instanceof GoStruct) {
      const found = structField(from, field)
      if (found !== undefined) return found
    }
    if (from instanceof GoMap) return from.entries?.get(field) ?? noValue
    if (from === noValue) throw refuse(operand, `nil data; no entry for key ${JSON.stringify(field)}`)
    if (from instanceof GoNil) throw refuse(operand, `nil pointer evaluating ${from.type}.${field}`)
    throw refuse(operand, `can't evaluate field ${field} in type ${typeOf(from)}`)
  }
}

/** A field, or one of an embedded struct. */
function structField(struct: GoStruct, name: string): GoValue | undefined {
  for (const { name: own, json, value } of struct.fields) {
    if (own === name) return value
    const inner = json === '' && value instanceof GoStruct ? structField(value, name) : undefined
    if (inner !== undefined) return inner
  }
  return undefined
}
