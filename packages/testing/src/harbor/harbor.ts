import type { DockerRegistry } from '../docker-registry.ts'
import type { HarborState } from './harbor-state.ts'
import type { EmbeddedHarborOptions } from './options.ts'
import type { RegistryBehind } from './v2/registry-behind.ts'
import type { TokenSigner } from './token-signer.ts'
import type { Webhooks } from './webhooks.ts'

/** What every handler stands on. */
export interface Harbor {
  readonly options: EmbeddedHarborOptions
  readonly state: HarborState
  readonly signer: TokenSigner
  readonly server: DockerRegistry
  readonly behind: RegistryBehind
  readonly webhooks: Webhooks
  /** Bytes taken, by upload session. */
  readonly accepted: Map<string, number>
  /** `http://127.0.0.1:port`, or `https:`. */
  url: string
}
