import { tmpdir } from 'node:os'
import type { GlobalFlags } from '../skopeo-flags.ts'

/** Where large things are put for a while: skopeo's default is /var/tmp, which is a disk where /tmp may be memory. */
export function tmpdirOf({ tmpdir: flag }: GlobalFlags, env: Readonly<Record<string, string | undefined>>): string {
  const named = [flag, env['TMPDIR']].find((one) => one !== undefined && one !== '')
  return named ?? (process.platform === 'win32' ? tmpdir() : '/var/tmp')
}
