// What the files say, checked and with every default filled in.

/** A place that holds what a prefix names. */
export interface ConfEndpoint {
  /** `host[:port][/namespace…]`; empty where a `*.host` prefix keeps the name as it is. */
  readonly location: string
  readonly insecure: boolean
  /** `http://` or `https://`: the proxy of this place alone. */
  readonly proxy?: string
}

export const pullFromMirror = ['all', 'digest-only', 'tag-only'] as const
export interface ConfMirror extends ConfEndpoint { readonly pull: (typeof pullFromMirror)[number] }

/** One `[[registry]]`. */
export interface ConfEntry extends ConfEndpoint {
  readonly prefix: string
  readonly blocked: boolean
  readonly mirrors: readonly ConfMirror[]
  /** `file:line`. */
  readonly where: string
}

export const shortNameModes = ['enforcing', 'permissive', 'disabled'] as const
export type ShortNameMode = (typeof shortNameModes)[number]

/** One file. What it does not mention is `undefined`, so that an empty list can take back what an earlier file said. */
export interface ConfFile {
  readonly path: string
  readonly entries: readonly ConfEntry[]
  readonly searchRegistries: readonly string[] | undefined
  readonly credentialHelpers: readonly string[] | undefined
  readonly shortNameMode: ShortNameMode | undefined
  /** An empty value takes an earlier file's alias back. */
  readonly aliases: ReadonlyMap<string, string>
}
