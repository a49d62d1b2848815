import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** All PEM. */
export interface Certificates {
  readonly ca: string
  /** For 127.0.0.1 and localhost, by `ca`. */
  readonly server: { readonly key: string; readonly cert: string }
  /** For clientAuth, by `ca`. */
  readonly client: { readonly key: string; readonly cert: string }
}

/** An authority of its own, and a server's and a client's certificate by it, good for a day. */
export async function selfSignedCert(): Promise<Certificates> {
  return inFolder(async (folder) => {
    const read = async (name: string): Promise<string> => readFile(join(folder, name), 'utf8')
    const openssl = async (...args: readonly string[]): Promise<void> => { await run('openssl', args, { cwd: folder }) }
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '1', '-subj', '/CN=Longshore test authority')
    for (const [name, extensions] of [
      ['server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n'], ['client', 'extendedKeyUsage=clientAuth\n'],
    ] as const) {
      await writeFile(join(folder, `${name}.ext`), extensions)
      await openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=longshore ${name}`)
      await openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.crt`, '-days', '1', '-extfile', `${name}.ext`)
    }
    return {
      ca: await read('ca.crt'),
      server: { key: await read('server.key'), cert: await read('server.crt') },
      client: { key: await read('client.key'), cert: await read('client.crt') },
    }
  })
}

/** An RSA key and a certificate for it, by itself, for signing tokens. */
export async function signingCertificate(): Promise<{ readonly key: string; readonly cert: string }> {
  return inFolder(async (folder) => {
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'k', '-out', 'c', '-days', '1', '-subj', '/CN=Longshore test tokens']
    await run('openssl', args, { cwd: folder })
    return { key: await readFile(join(folder, 'k'), 'utf8'), cert: await readFile(join(folder, 'c'), 'utf8') }
  })
}

async function inFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-cert-'))
  try {
    return await act(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
