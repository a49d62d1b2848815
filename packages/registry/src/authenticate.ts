// Are these credentials taken? The first question to a registry (distribution-spec v1.1.1, end-1), asked with them.
import type { Host } from './host.ts'

/** @throws RegistryError when the registry or its token service refuses them, ConnectionError */
export async function authenticate(host: Host, signal: AbortSignal): Promise<void> {
  const ask = { method: 'GET', path: '/v2/', scope: '' } as const
  const answer = await host.exchange(ask, signal)
  if (answer.status !== 200) throw host.refusal(ask, answer)
}
