// The operations as Lua scripts: `lua/NAME-KEYS.lua`, each behind the files that all begin with.
import { readFileSync } from 'node:fs'
import { defineScripts, type RedisClient, type Script } from '@longshore/redis'

/** `prefix` of the migration's keys, then the script's arguments. Answers are flat lists. */
type Call<Answer> = (prefix: string, ...args: ReadonlyArray<string | number>) => Promise<Answer>
type Values = ReadonlyArray<string | number>

export interface LedgerScripts {
  ledgerAskRetry: Call<number>
  ledgerBegin: Call<string>
  ledgerClaim: Call<Values>
  ledgerClaimBatch: Call<Values>
  ledgerClose: Call<string>
  ledgerComplete: Call<Values>
  ledgerCounts: Call<readonly number[]>
  ledgerFail: Call<Values>
  ledgerFailImage: Call<Values>
  ledgerForget: Call<number>
  ledgerNodesOf: Call<readonly string[]>
  ledgerOpen: Call<Values>
  ledgerOpenImages: Call<readonly string[]>
  ledgerOverdue: Call<readonly string[]>
  ledgerReclaim: Call<readonly string[]>
  ledgerRegister: Call<Values>
  ledgerRegisterIn: Call<Values>
  ledgerRelease: Call<Values>
  ledgerReleaseBatch: Call<number>
  ledgerReopen: Call<Values>
  ledgerReplan: Call<Values>
  ledgerRetry: Call<Values>
  ledgerSetField: Call<number>
  ledgerSetState: Call<number>
}

const files: Readonly<Record<keyof LedgerScripts, string>> = {
  ledgerAskRetry: 'ask-retry-1', ledgerBegin: 'begin-1', ledgerClaim: 'claim-1', ledgerClaimBatch: 'claim-batch-1', ledgerClose: 'close-1', ledgerComplete: 'complete-1', ledgerCounts: 'counts-1',
  ledgerFail: 'fail-1', ledgerFailImage: 'fail-image-1', ledgerForget: 'forget-1', ledgerNodesOf: 'nodes-of-1', ledgerOpen: 'open-1', ledgerOpenImages: 'open-images-1',
  ledgerOverdue: 'overdue-1', ledgerReclaim: 'reclaim-1', ledgerRegister: 'register-1', ledgerRegisterIn: 'register-in-1', ledgerRelease: 'release-1',
  ledgerReleaseBatch: 'release-batch-1', ledgerReopen: 'reopen-1', ledgerReplan: 'replan-1', ledgerRetry: 'retry-1',
  ledgerSetField: 'set-field-1', ledgerSetState: 'set-state-1',
}

let loaded: Readonly<Record<keyof LedgerScripts, Script>> | undefined

export function ledgerScripts(redis: RedisClient): LedgerScripts {
  loaded ??= load()
  return defineScripts<LedgerScripts>(redis, loaded)
}

function load(): Readonly<Record<keyof LedgerScripts, Script>> {
  const shared = ['_1-tables', '_2-graph'].map(read).join('')
  const scripts: Partial<Record<keyof LedgerScripts, Script>> = {}
  for (const [name, file] of Object.entries(files) as Array<[keyof LedgerScripts, string]>) {
    const [, keys = ''] = /-(\d)$/.exec(file) ?? []
    // The one that creates what the others look for first.
    scripts[name] = { keys: Number(keys), lua: file === 'begin-1' ? read(file) : withoutComments(inline(linked(shared, read(file)))) }
  }
  return scripts as Record<keyof LedgerScripts, Script>
}

// A script is sent as a whole to each connection once, and runs from its beginning each time: so it is made small.

/** With only those functions that the script calls, or that these call. */
function linked(shared: string, script: string): string {
  const functions = new Map([...shared.matchAll(/^function F\.(\w+)(?:.*\bend$|[^]*?^end$)/gm)].map(([text, name = '']) => [name, text]))
  const needed = new Set<string>()
  const need = (text: string): void => {
    for (const [, name = ''] of text.matchAll(/\bF\.(\w+)/g)) {
      const known = functions.get(name)
      if (known === undefined) throw new Error(`a script of the ledger calls F.${name}, which is not there`)
      if (needed.has(name)) continue
      needed.add(name)
      need(known)
    }
  }
  need(script)
  let rest = shared
  for (const [name, text] of functions) if (!needed.has(name)) rest = rest.replace(text, '')
  return rest + script
}

function withoutComments(lua: string): string { return lua.replace(/^ *--.*\n/gm, '').replace(/\n{2,}/g, '\n') }

/** `local A, B = 1, 2` at the beginning of a line: numbers in place of names, as Lua knows no constants and would capture variables. */
function inline(lua: string): string {
  const numbers = new Map<string, string>()
  const rest = lua.replace(/^local ([A-Z]+(?:, [A-Z]+)*) = (\d+(?:, \d+)*)$/gm, (_, names: string, values: string) => {
    const list = values.split(', ')
    names.split(', ').forEach((name, i) => numbers.set(name, list[i] ?? ''))
    return ''
  })
  return rest.replace(/\b[A-Z]+\b/g, (word) => numbers.get(word) ?? word)
}

function read(file: string): string { return readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8') }
