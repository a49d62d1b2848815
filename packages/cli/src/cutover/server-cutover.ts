import type { ErrorRecord } from '@longshore/oci'
import { CutoverNotFoundError } from '@longshore/cutover'
import { z } from 'zod'
import type { CutoverPlaceFlags } from '../flags.ts'
import type { RemoteClient } from '../remote-client.ts'
import { connectRemote } from '../remote.ts'
import { type Ask, type Elsewhere, meantOf, type SeenRecord, whoGoesOn } from './elsewhere.ts'
import type { Standing } from './standing.ts'

const count = z.number()
const errorSchema = z.custom<ErrorRecord>((value) => z.object({ name: z.string(), code: z.string(), message: z.string() }).safeParse(value).success)
const phaseSchema = z.enum(['bulk', 'delta', 'freezing', 'final', 'verifying', 'deciding', 'go', 'no-go', 'aborted'])
const kind = z.enum(['bulk', 'delta', 'events', 'final'])
const failure = z.object({ source: z.string(), destination: z.string().optional(), error: errorSchema, hint: z.string() })

/** What the commands read of a cutover. A newer coordinator may say more. */
export const cutoverSchema = z.looseObject({
  id: z.string(), name: z.string().optional(), phase: phaseSchema, created: z.string(), since: z.string(), ended: z.string().optional(), options: z.object({ srcTlsVerify: z.boolean(), destTlsVerify: z.boolean() }),
  moved: z.object({ copied: count, bytes: count }), passCount: count,
  passes: z.array(z.object({ number: count, kind, started: z.string(), ended: z.string(), images: count, copied: count, present: count, failed: count, bytes: count, failures: z.array(failure), unlisted: count, passing: count, gone: count.optional() })),
  current: z.object({ number: count, kind, started: z.string(), changes: count.optional() }).optional(), request: z.object({ kind: z.enum(['retry', 'unfreeze', 'abort']), requested: z.string() }).optional(),
  freeze: z.object({ requested: z.string(), by: z.enum(['person', 'spec']), frozen: z.string().optional(), deadline: z.string().optional(), caughtUp: z.string().optional() }).optional(), unfrozen: z.string().optional(),
  verification: z.custom<NonNullable<SeenRecord['verification']>>((value) => z.object({ ended: z.string(), images: count, sound: count, missing: count, differing: count, corrupt: count, failed: count, unlisted: count }).safeParse(value).success).optional(),
  decision: z.object({ at: z.string(), verdict: z.enum(['go', 'no-go']), criteria: z.array(z.object({ name: z.string(), met: z.boolean(), found: z.string(), hint: z.string().optional() })) }).optional(),
  trouble: z.object({ at: z.string(), error: errorSchema }).optional(), waitingChanges: count, led: z.boolean(), leader: z.string().optional(), caughtUpTo: z.string().optional(), nextPass: z.string().optional(),
})
export type RemoteCutover = z.output<typeof cutoverSchema>
export const begunSchema = cutoverSchema.extend({ resumed: z.boolean() })
const cutoversSchema = z.object({ cutovers: z.array(cutoverSchema), next: z.string().optional() })

export class ServerCutover implements Elsewhere {
  readonly #client: RemoteClient
  readonly id: string
  readonly whoGoesOn = whoGoesOn

  constructor(client: RemoteClient, id: string) {
    this.#client = client
    this.id = id
  }

  static async open(text: string | undefined, flags: CutoverPlaceFlags): Promise<ServerCutover> {
    const client = connectRemote(flags)
    const all: RemoteCutover[] = []
    for (let query = ''; ;) {
      const { cutovers, next } = await client.json(`/cutovers?limit=500${query}`, cutoversSchema)
      all.push(...cutovers)
      if (next === undefined) break
      query = `&cursor=${encodeURIComponent(next)}`
    }
    const meant = meantOf(text, all, ({ phase }) => phase === 'go' || phase === 'aborted')
    if (!meant) throw new CutoverNotFoundError(`${text ?? ''} at ${client.url}`.trim())
    return new ServerCutover(client, meant.id)
  }

  async standing(signal?: AbortSignal): Promise<Standing> { return toStanding(await this.#client.json(`/cutovers/${this.id}`, cutoverSchema, signal ? { signal } : {})) }

  async ask(what: Ask): Promise<Standing> { return toStanding(await this.#client.json(`/cutovers/${this.id}/${what}`, cutoverSchema, { method: 'POST' })) }

  async report(form: 'json' | 'markdown'): Promise<string> {
    const text = await (await this.#client.open(`/cutovers/${this.id}/report${form === 'json' ? '' : '.md'}`)).text()
    return form === 'json' ? `${JSON.stringify(JSON.parse(text), undefined, 2)}\n` : text
  }

  async [Symbol.asyncDispose](): Promise<void> { /* nothing is open */ }
}

export function toStanding({ name, options, led, leader, waitingChanges, caughtUpTo, nextPass, ...rest }: RemoteCutover): Standing {
  const record = { ...withoutUndefined(rest), options: { ...options, ...(name === undefined ? {} : { name }) } } as SeenRecord
  return { record, holder: leader ?? (led ? 'a coordinator' : undefined), waiting: waitingChanges, caughtUpTo, nextPass }
}

/** zod gives what is absent as absent, and types it as undefined. */
function withoutUndefined(value: object): object { return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) }
