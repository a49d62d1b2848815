import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, rootCertificates } from 'node:tls'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { loadTls, type TlsFiles } from './tls.ts'

let made: string
let home: string
let system: string

beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), 'longshore-tls-'))
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: made, stdio: 'ignore' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...ec, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test ca')
  for (const name of ['server', 'client', 'other']) {
    openssl('req', ...ec, '-keyout', `${name}-key.pem`, '-out', `${name}.csr`, '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1')
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2', '-out', `${name}.pem`)
  }
})
afterAll(() => rmSync(made, { recursive: true }))

beforeEach(() => {
  home = mkdtempSync(join(made, 'home-'))
  system = mkdtempSync(join(made, 'system-'))
})

function place(directory: string, files: Record<string, string>): void {
  mkdirSync(directory, { recursive: true })
  for (const [name, from] of Object.entries(files)) copyFileSync(join(made, from), join(directory, name))
}
const load = (registry: string, certDir?: string): Promise<TlsFiles> =>
  loadTls(registry, { env: {}, home, systemDirs: [system], ...(certDir === undefined ? {} : { certDir }) })

test('a server behind a private authority that wants a client certificate is reached with them, and not without', async () => {
  const server = createServer({
    key: readFileSync(join(made, 'server-key.pem')), cert: readFileSync(join(made, 'server.pem')), ca: readFileSync(join(made, 'ca.pem')),
    requestCert: true, rejectUnauthorized: true,
  }, (_, response) => response.end('ok'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    place(join(system, `127.0.0.1:${port}`), { 'my.crt': 'ca.pem', 'me.cert': 'client.pem', 'me.key': 'client-key.pem' })
    const files = await load(`127.0.0.1:${port}`)
    expect(files.ca).toEqual(expect.arrayContaining(rootCertificates.slice(0, 3)))
    const answer = async (tls: TlsFiles): Promise<string> => {
      const socket = connect({ host: '127.0.0.1', port, ...tls })
      socket.end('GET / HTTP/1.0\r\n\r\n')
      let text = ''
      for await (const chunk of socket) text += String(chunk)
      return text
    }
    expect(await answer(files)).toContain('ok')
    await expect(answer({})).rejects.toThrow()
    await expect(answer({ ca: files.ca! })).rejects.toThrow()
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('the person\'s directory hides the machine\'s, --cert-dir both, and the port has to match', async () => {
  place(join(system, 'r.test:5000'), { 'a.crt': 'ca.pem' })
  expect(Object.keys(await load('r.test:5000'))).toEqual(['ca'])
  place(join(home, '.config/containers/certs.d/r.test:5000'), { 'a.cert': 'client.pem', 'a.key': 'client-key.pem' })
  expect(Object.keys(await load('r.test:5000'))).toEqual(['cert', 'key'])
  expect(await load('r.test')).toEqual({})
  expect(await load('r.test:5001')).toEqual({})
  const certDir = join(made, 'flag')
  place(certDir, { 'a.crt': 'ca.pem', 'b.crt': 'other.pem', 'notes.txt': 'ca.pem' })
  expect((await load('r.test:5000', certDir)).ca).toHaveLength((await load('elsewhere', certDir)).ca!.length)
  expect((await load('r.test', certDir)).cert).toBeUndefined()
})

test.each<[string, Record<string, string>, string]>([
  ['a certificate without its key', { 'a.cert': 'client.pem' }, 'put a.key beside it'],
  ['a key without its certificate', { 'a.key': 'client-key.pem' }, 'put a.cert beside it'],
  ['a client certificate called .crt', { 'a.key': 'client-key.pem', 'a.crt': 'client.pem' }, 'a client certificate ends in .cert'],
  ['a key of another certificate', { 'a.cert': 'client.pem', 'a.key': 'other-key.pem' }, 'are not a PEM certificate and its'],
  ['an authority without PEM', { 'a.crt': 'client-key.pem' }, 'holds no PEM certificate'],
])('%s is named', async (_, files, message) => {
  const directory = join(system, 'r.test')
  place(directory, files)
  const error = await load('r.test').then(() => expect.unreachable(), (e: Error) => e)
  expect(error).toMatchObject({ code: 'CERTIFICATES_INVALID', message: expect.stringContaining(message) })
  expect(error.message).toContain(directory)
  expect(error.message).not.toContain(readFileSync(join(made, 'client-key.pem'), 'utf8').slice(40, 60))
})

test('garbage inside PEM, a --cert-dir that is not there, and a registry name that would leave the directory', async () => {
  mkdirSync(join(system, 'r.test'))
  writeFileSync(join(system, 'r.test/a.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  await expect(load('r.test')).rejects.toMatchObject({ code: 'CERTIFICATES_INVALID' })
  await expect(load('r.test', join(made, 'absent'))).rejects.toThrow('correct --cert-dir')
  expect(await load('../r.test')).toEqual({})
  expect(await load('..')).toEqual({})
})
