// What a spec says about the day of the switch, and about destinations that have to be made ready. Plain data, because it travels as JSON.

/**
 * Something of the user's that Longshore calls. A command is run without a shell. Header values and the URL may hold `${NAME}`, which is
 * taken from the environment of the process that calls, when it calls: no secret is in a spec or in Redis.
 */
export type Hook =
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]]; readonly timeoutMs: number }
  | { readonly kind: 'http'; readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly timeoutMs: number }

/** What `cutover:` says, with its defaults filled in. */
export interface CutoverPlan {
  readonly delta: {
    /** Milliseconds between the end of a pass and the start of the next. */
    readonly everyMs?: number
    /** A cron expression, in UTC. */
    readonly schedule?: string
    /** Registries' notifications name what changed; passes without a list of tags follow them within seconds. */
    readonly events?: { readonly coalesceMs: number }
  }
  readonly freeze: {
    /** `manual`: a person says so. `caught-up`: when a pass found nothing to do. `at`: RFC 3339. */
    readonly when: { readonly kind: 'manual' } | { readonly kind: 'caught-up' } | { readonly kind: 'at'; readonly at: string }
    /** Makes the source read-only; absent: whoever freezes has done that. */
    readonly hook?: Hook
    /** Undoes it when a person goes back to deltas (`unfreeze`) or aborts. A no-go alone leaves the source as it is: it may be tried again at once. */
    readonly thaw?: Hook
    /** Within which the last pass has to be through, from the freeze on. */
    readonly deadlineMs: number
  }
  /** How much of the destination's content is read and hashed; 0: digests only. */
  readonly verify: { readonly deepPercent: number }
  readonly criteria: Criteria
  readonly prune?: PrunePlan
}

/** What has to hold for "go". */
export interface Criteria {
  /** Images that may be missing, differ, or have failed. */
  readonly missing: number
  readonly differing: number
  readonly failures: number
  /** How old the verification may be when the decision is made. */
  readonly verifyAgeMs: number
  /**
   * Every image has to have a signature that one of these public keys verifies: PEM text, cosign's form. A spec names files; the command
   * line reads them, so that whoever verifies has them. `repositories`: globs over destination repositories; absent: all.
   */
  readonly signatures?: { readonly keys: readonly string[]; readonly repositories?: readonly string[] }
}

/** Tags of the destination that no longer exist at the source. */
export interface PrunePlan {
  /** When false, it is only said what would go. */
  readonly apply: boolean
  /** More than so many per cent of the tags of a migration are not deleted, but refused. */
  readonly ceilingPercent: number
  /** Before a tag goes, its manifest gets this tag in the same repository; `{tag}` and `{date}` stand for themselves. */
  readonly backupTag?: string
}

/** How a destination is made ready for images. */
export interface DestinationSettings {
  readonly harbor?: HarborSettings
  /** Called for each destination repository that does not exist, before anything moves there. */
  readonly onMissingRepository?: Hook
}

export interface HarborSettings {
  /** Missing projects are made; when false they are an error before anything moves. */
  readonly createProjects: boolean
  readonly project: ProjectSettings
  /** By project name, over `project`. */
  readonly projects: Readonly<Record<string, Partial<ProjectSettings>>>
  /** Source namespace (the leading components of a path) to `PROJECT[/PATH]`; the longest that fits counts. Where a prefix is given, that is the project. */
  readonly namespaces: Readonly<Record<string, string>>
  /** `PROJECT[/PATH]` for paths without a namespace. */
  readonly defaultProject?: string
  /** What becomes of further slashes within a project. */
  readonly nesting: 'keep' | 'join' | 'last'
}

/** Absent: Harbor's own default. */
export interface ProjectSettings {
  readonly public: boolean
  /** Bytes; -1: no limit. */
  readonly quota?: number
  readonly autoScan?: boolean
  readonly autoSbom?: boolean
  /** Images with findings of this severity or above cannot be pulled. */
  readonly preventVulnerable?: 'none' | 'low' | 'medium' | 'high' | 'critical'
}
