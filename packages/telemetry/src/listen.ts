import { SettingsError } from './errors.ts'

export interface ListenAddress { readonly host: string; readonly port: number }

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address of the machine). @throws SettingsError naming `setting` */
export function parseListen(text: string, setting: string): ListenAddress {
  const [, ipv6, name = '', digits] = /^(?:\[([0-9a-f:.%]+)\]|([^\s:/[\]]*)):(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) throw new SettingsError(setting, `"${text}" is no address to listen at: write HOST:PORT, such as 0.0.0.0:8080, 127.0.0.1:8080 or [::1]:8080`)
  return { host: ipv6 ?? (name === '' ? '0.0.0.0' : name), port }
}

export function formatListen({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Whether nobody but this machine can reach it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
