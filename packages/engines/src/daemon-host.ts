// Where an engine listens, as DOCKER_HOST and skopeo's --daemon-host write it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent } from 'undici'
import { EngineError } from './errors.ts'

export interface DaemonHostOptions {
  /** `unix:///path`, `tcp://host:port`, `http://…` or `https://…`. Default `unix:///var/run/docker.sock`. */
  readonly host?: string
  /** `false`: any certificate is taken. */
  readonly tlsVerify?: boolean
  /** `ca.pem`, `cert.pem` and `key.pem`, as Docker names them; each may be missing. */
  readonly certDir?: string
}

/** Where requests go, and through what. `address` is how errors name it. */
export interface DaemonHost { readonly origin: string; readonly agent: Agent; readonly address: string; readonly isSocket: boolean }

const defaultHost = 'unix:///var/run/docker.sock'
/** An image is exported while nothing is sent for as long as the engine compresses or looks: minutes on a slow disk. */
const stillMs = 600_000
const connectMs = 10_000
/** IANA: docker, without TLS. */
const plainPort = '2375'

/** @throws EngineError `ENGINE_REFUSED` a form that is not taken, or certificates that cannot be read */
export function openDaemonHost({ host = defaultHost, tlsVerify, certDir }: DaemonHostOptions): DaemonHost {
  const limits = { headersTimeout: stillMs, bodyTimeout: stillMs, connections: 8 }
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length)
    return { origin: 'http://localhost', agent: new Agent({ ...limits, connect: { socketPath, timeout: connectMs } }), address: socketPath, isSocket: true }
  }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url?.protocol === 'ssh:') {
    throw new EngineError('ENGINE_REFUSED', `an engine behind ssh is not opened from here: forward its socket (ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${url.host}) and name unix:///tmp/docker.sock`)
  }
  if (!url || url.host === '' || !['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw new EngineError('ENGINE_REFUSED', `"${host.replace(/\/\/[^@/]*@/, '//***@')}" names no engine: the forms are unix:///PATH, tcp://HOST:PORT, http://HOST:PORT and https://HOST:PORT`)
  }
  // skopeo takes tcp:// for TLS. Port 2375 is the one that Docker keeps for engines without it.
  const isTls = url.protocol === 'https:' || (url.protocol === 'tcp:' && (url.port !== plainPort || tlsVerify !== undefined || certDir !== undefined))
  const port = url.port === '' ? isTls ? '2376' : plainPort : url.port
  const tls = isTls ? { ...certificates(certDir), rejectUnauthorized: tlsVerify !== false } : {}
  return { origin: `${isTls ? 'https' : 'http'}://${url.hostname}:${port}`, agent: new Agent({ ...limits, connect: { ...tls, timeout: connectMs } }), address: `${isTls ? 'https' : 'http'}://${url.hostname}:${port}`, isSocket: false }
}

function certificates(directory: string | undefined): { readonly ca?: string; readonly cert?: string; readonly key?: string } {
  if (directory === undefined) return {}
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(join(directory, name), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new EngineError('ENGINE_REFUSED', `${join(directory, name)} cannot be read (${(error as Error).message})`, error)
    }
  }
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')]
  if ((cert === undefined) !== (key === undefined)) throw new EngineError('ENGINE_REFUSED', `${directory} has ${cert === undefined ? 'key.pem without cert.pem' : 'cert.pem without key.pem'}: a client certificate is both`)
  if (ca === undefined && cert === undefined) throw new EngineError('ENGINE_REFUSED', `${directory} has none of ca.pem, cert.pem and key.pem`)
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined || key === undefined ? {} : { cert, key }) }
}
