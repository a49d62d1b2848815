import { SettingsError } from '@longshore/telemetry'

/** Which registries migrations may name; `undefined`: all of them. */
export type AllowedRegistries = ((registry: string) => boolean) | undefined

/** Globs over `host[:port]`, separated by commas or blanks; `*` stands for anything. @throws SettingsError */
export function parseAllowedRegistries(text: string | undefined, setting: string): AllowedRegistries {
  const globs = (text ?? '').split(/[\s,]+/).filter((glob) => glob !== '')
  if (globs.length === 0) return undefined
  for (const glob of globs) {
    if (!/^[\w.*:[\]-]+$/.test(glob)) throw new SettingsError(setting, `"${glob}" is no host: write registry.example.com, *.example.com or registry.example.com:*, several of them separated by commas`)
  }
  const patterns = globs.map((glob) => new RegExp(`^${glob.split('*').map((part) => RegExp.escape(part)).join('.*')}$`, 'i'))
  return (registry) => patterns.some((pattern) => pattern.test(registry))
}
