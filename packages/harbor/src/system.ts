import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { HarborError } from './errors.ts'
import { flag, text } from './fields.ts'
import type { Harbor } from './harbor.ts'

const systemInfo = z.object({
  auth_mode: z.string(),
  harbor_version: text,
  /** These are told to accounts only. */
  read_only: flag,
  project_creation_restriction: text,
  registry_url: text,
  external_url: text,
})
export type SystemInfo = z.output<typeof systemInfo>

const currentUser = z.object({ user_id: z.number(), username: z.string(), sysadmin_flag: flag, admin_role_in_auth: flag })
export type CurrentUser = z.output<typeof currentUser>

/** @throws HarborError, ConnectionError */
export async function ping(harbor: Harbor, io: Io): Promise<void> { await harbor.ask({ method: 'GET', path: '/ping' }, [200], io) }

export async function systemInfoOf(harbor: Harbor, io: Io): Promise<SystemInfo> { return await harbor.read({ path: '/systeminfo' }, systemInfo, io) }

/** One request; `undefined`: what answers there is no Harbor. @throws ConnectionError */
export async function probe(harbor: Harbor, io: Io): Promise<SystemInfo | undefined> {
  try {
    return await harbor.read({ path: '/systeminfo', attempts: 1 }, systemInfo, io)
  } catch (error) {
    if (error instanceof HarborError && error.code !== 'HARBOR_UNAUTHORIZED') return undefined
    throw error
  }
}

/** The same of a host of which nothing is known. A Harbor tells this to anybody: what asks for a password first is something else. @throws ConnectionError */
export async function discover(harbor: Harbor, io: Io): Promise<SystemInfo | undefined> {
  try { return await probe(harbor, io) } catch (error) {
    if (error instanceof HarborError) return undefined
    throw error
  }
}

/** Whoever is logged in; `undefined` for robot accounts, which are no users. */
export async function currentUserOf(harbor: Harbor, io: Io): Promise<CurrentUser | undefined> {
  try {
    return await harbor.read({ path: '/users/current' }, currentUser, io)
  } catch (error) {
    if (error instanceof HarborError && [403, 404, 412].includes(error.status)) return undefined
    throw error
  }
}
