import { expect, test } from 'vitest'
import type { Answer } from './answer.ts'
import { defaultRetries, defaultTimeouts } from './options.ts'
import { findOrigin } from './ping.ts'
import type { Call, Wire } from './wire.ts'

const { signal } = new AbortController()
const registry = 'r.example:5000'
const found: Answer = { status: 200, headers: {}, body: Buffer.from('{}'), truncated: false }

/** A wire that notes what is asked, and answers by the scheme once the last of `expected` was asked. */
function wireOf(expected: number, answers: Readonly<Record<'https:' | 'http:', Answer | Error>>): { readonly wire: Wire; readonly asked: { origin: string; call: Call }[] } {
  const asked: { origin: string; call: Call }[] = []
  const all = Promise.withResolvers<void>()
  const send = async (origin: string, call: Call): Promise<Answer> => {
    asked.push({ origin, call })
    if (asked.length === expected) all.resolve()
    // Whoever waited for the first answer before asking again would wait for ever.
    await all.promise
    const answer = answers[new URL(origin).protocol as 'https:' | 'http:']
    if (answer instanceof Error) throw answer
    return answer
  }
  return { wire: { send } as unknown as Wire, asked }
}

const find = (wire: Wire, tlsVerify: boolean): ReturnType<typeof findOrigin> => findOrigin(wire, { registry, tlsVerify }, defaultTimeouts, defaultRetries, 'x', signal)

test.each([
  ['TLS goes before, where both answer', found, `https://${registry}`],
  ['plain HTTP is taken where there is no TLS', new Error('wrong version number'), `http://${registry}`],
])('both schemes are asked at once: %s', async (_, https, origin) => {
  const { wire, asked } = wireOf(2, { 'https:': https, 'http:': found })
  expect(await find(wire, false)).toMatchObject({ origin })
  expect(asked.map((each) => each.origin)).toEqual([`https://${registry}`, `http://${registry}`])
  // No more than the question is said in the clear.
  expect(asked.map(({ call }) => [call.path, call.headers])).toEqual([['/v2/', ['user-agent', 'x']], ['/v2/', ['user-agent', 'x']]])
})

test('where certificates are verified, plain HTTP is never spoken', async () => {
  const { wire, asked } = wireOf(1, { 'https:': new Error('wrong version number'), 'http:': found })
  await expect(find(wire, true)).rejects.toMatchObject({ code: 'TLS_FAILED' })
  expect(asked.map((each) => each.origin)).toEqual([`https://${registry}`])
})
