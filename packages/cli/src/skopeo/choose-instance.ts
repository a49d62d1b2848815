// Which image of a list is meant where one is asked for, as containers/image chooses it.
import { type Descriptor, formatPlatform, type ImageIndex, MigrationError, type Platform, printable } from '@longshore/oci'

/** The list has no image for this platform. The wording is that of containers/image. */
export class NoInstanceError extends MigrationError {
  override readonly name = 'NoInstanceError'
  override readonly code = 'PLATFORM_NOT_FOUND'
  constructor({ os, architecture, variant = '' }: Platform, there: readonly Platform[]) {
    super(printable(`no image found in manifest list for architecture "${architecture}", variant "${variant}", OS "${os}"`
      + `${there.length === 0 ? '' : `; there is ${[...new Set(there.map(formatPlatform))].join(', ')}`}`))
  }
}

/** What `--override-os`, `--override-arch` and `--override-variant` leave open. */
export interface PlatformOverrides { readonly os?: string; readonly architecture?: string; readonly variant?: string }

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle', loong64: 'loong64' }
/** ARM variants, the most capable first: an older one runs on a newer machine. */
const armVariants = ['v8', 'v7', 'v6', 'v5']

/** The platforms that this machine, or what was said in its place, can run: the best first. */
export function wantedPlatforms({ os, architecture, variant }: PlatformOverrides, host: { readonly platform: string; readonly arch: string }): readonly Platform[] {
  const base = { os: os ?? (host.platform === 'win32' ? 'windows' : host.platform), architecture: architecture ?? goArchitectures[host.arch] ?? host.arch }
  if (variant !== undefined) {
    const older = base.architecture === 'arm' ? armVariants.slice(Math.max(0, armVariants.indexOf(variant)) + 1) : []
    return [{ ...base, variant }, ...older.map((one) => ({ ...base, variant: one })), base]
  }
  if (base.architecture === 'arm64') return [{ ...base, variant: 'v8' }, base]
  if (base.architecture === 'arm' && architecture === undefined) return [...armVariants.slice(1).map((one) => ({ ...base, variant: one })), base]
  return [base]
}

/** @throws NoInstanceError */
export function chooseInstance(index: ImageIndex, wanted: readonly Platform[]): Descriptor {
  for (const wish of wanted) {
    const found = index.manifests.find(({ platform }) => platform !== undefined && platform.os === wish.os && platform.architecture === wish.architecture
      && (wish.variant ?? '') === (platform.variant ?? ''))
    if (found) return found
  }
  // A wish without a variant takes any, where none names the plain architecture: the first listed.
  const [first] = wanted
  const any = first && first.variant === undefined ? index.manifests.find(({ platform }) => platform?.os === first.os && platform.architecture === first.architecture) : undefined
  if (any) return any
  throw new NoInstanceError(first ?? { os: '', architecture: '' }, index.manifests.flatMap(({ platform }) => platform ?? []))
}
