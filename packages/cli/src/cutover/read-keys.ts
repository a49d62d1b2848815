// Public keys that the criteria name become part of the plan: whoever verifies may be another machine.
import { readFile } from 'node:fs/promises'
import { signatureCheckOf } from '@longshore/cutover'
import type { CutoverPlan } from '@longshore/spec'
import { UsageError } from '../usage-error.ts'

/** Larger files are no keys. */
const maxKeyBytes = 64 * 1024

/** @throws UsageError */
export async function withKeys(plan: CutoverPlan): Promise<CutoverPlan> {
  const { signatures } = plan.criteria
  if (!signatures) return plan
  return { ...plan, criteria: { ...plan.criteria, signatures: { ...signatures, keys: await Promise.all(signatures.keys.map(readKey)) } } }
}

/** The texts of the key files that a plan names, by their names. @throws UsageError */
export async function readKeys({ criteria: { signatures } }: CutoverPlan): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries(await Promise.all((signatures?.keys ?? []).map(async (key) => [key, await readKey(key)] as const)))
}

async function readKey(key: string): Promise<string> {
  const isText = key.startsWith('-----BEGIN ')
  const named = isText ? 'a key in cutover.criteria.signatures' : `the key ${key} of cutover.criteria.signatures`
  let text: string
  try {
    text = isText ? key : await readFile(key, 'utf8')
  } catch (error) {
    throw new UsageError(`${named} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'}): name a file that holds a public key, such as cosign.pub`)
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw new UsageError(`${named} is a private key: give the public one (cosign public-key --key cosign.key), and keep this one out of specs`)
  if (text.length > maxKeyBytes || !/-----BEGIN (?:RSA |EC )?PUBLIC KEY-----/.test(text)) throw new UsageError(`${named} holds no public key in PEM: cosign writes one to cosign.pub`)
  try { signatureCheckOf({ keys: [text] }) } catch (error) { throw new UsageError(`${named} is no key that signatures are verified with: ${error instanceof Error ? error.message : String(error)}`) }
  return text
}
