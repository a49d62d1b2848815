import { caughtUpTo, type CutoverRecord, CutoverNotFoundError, endPhases, nextPassOf, planOf, request, requestFreeze } from '@longshore/cutover'
import { openPool, type Pool } from '@longshore/pool'
import { readConfig, recordMsFrom, redisSettingsFrom } from '../config.ts'
import type { CutoverPlaceFlags } from '../flags.ts'
import { type Ask, type Elsewhere, meantOf, whoGoesOn } from './elsewhere.ts'
import type { Standing } from './standing.ts'
import { reportTexts } from './write-reports.ts'

export class RedisCutover implements Elsewhere {
  readonly #pool: Pool
  readonly #id: string
  readonly whoGoesOn = whoGoesOn

  private constructor(pool: Pool, id: string) {
    this.#pool = pool
    this.#id = id
  }

  static async open(text: string | undefined, flags: CutoverPlaceFlags): Promise<RedisCutover> {
    const config = readConfig()
    const pool = await openPool(await redisSettingsFrom(config, flags.redis), { recordMs: recordMsFrom(config), name: 'longshore-cutover', onSay: (line) => { process.stderr.write(`longshore: ${line}\n`) } })
    try {
      const meant = meantOf(text, await pool.cutovers.list(), ({ phase }) => endPhases.has(phase))
      if (!meant) throw new CutoverNotFoundError(`${text ?? ''} in this Redis`.trim())
      return new RedisCutover(pool, meant.id)
    } catch (error) {
      await pool[Symbol.asyncDispose]()
      throw error
    }
  }

  async standing(): Promise<Standing> { return await standingIn(this.#pool, this.#id) }

  async ask(what: Ask): Promise<Standing> {
    await (what === 'freeze' ? requestFreeze(this.#pool.cutovers, this.#id) : request(this.#pool.cutovers, this.#id, what))
    return await this.standing()
  }

  async report(form: 'json' | 'markdown'): Promise<string> { return reportTexts(await requiredIn(this.#pool, this.#id))[form] }

  async [Symbol.asyncDispose](): Promise<void> { await this.#pool[Symbol.asyncDispose]() }
}

export async function requiredIn({ cutovers }: Pool, id: string): Promise<CutoverRecord> {
  const record = await cutovers.get(id)
  if (!record) throw new CutoverNotFoundError(id)
  return record
}

export async function standingIn(pool: Pool, id: string): Promise<Standing> {
  const { cutovers } = pool
  const [{ spec, ...record }, holder, waiting] = await Promise.all([requiredIn(pool, id), cutovers.holder(id), cutovers.countChanges(id)])
  return { record, holder, waiting, caughtUpTo: caughtUpTo(record), nextPass: nextPassOf(record, planOf({ ...record, spec })) }
}
