import { CopyError, ConnectionError, DigestMismatchError, type ErrorRecord, RegistryError, toRecord } from '@longshore/oci'
import { expect, test } from 'vitest'
import { codeOf } from './error-code.ts'

const refused = new RegistryError({ status: 401, registry: 'r.example', request: 'GET /v2/', details: [{ code: 'UNAUTHORIZED' }] })
const socket = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })

test.each<[string, ErrorRecord]>([
  ['UNAUTHORIZED', toRecord(new CopyError('source', 'list', undefined, refused))],
  ['DENIED', toRecord(new CopyError('destination', 'exists', undefined, new RegistryError({ status: 403, registry: 'r.example', request: 'HEAD /v2/a/blobs/x' })))],
  ['HTTP_404', toRecord(new RegistryError({ status: 404, registry: 'r.example', request: 'HEAD /v2/a/blobs/x' }))],
  ['HOST_UNREACHABLE', toRecord(new CopyError('source', 'list', undefined, new ConnectionError('HOST_UNREACHABLE', 'r.example', 'nobody there', socket)))],
  ['DIGEST_MISMATCH', toRecord(new CopyError('source', 'fetch', undefined, new CopyError('destination', 'push', undefined, new DigestMismatchError('x', 'a', 'b'))))],
  ['CONTENT_REFUSED', { name: 'ContentRefusedError', code: 'CONTENT_REFUSED', message: '', cause: { name: 'RegistryError', code: 'MANIFEST_INVALID', message: '' } }],
  ['CREDENTIAL_HELPER_FAILED', { name: 'CredentialHelperError', code: 'CREDENTIAL_HELPER_FAILED', message: '', cause: { name: 'Error', code: 'ENOENT', message: '' } }],
  ['ENOSPC', { name: 'CopyError', code: 'COPY_FAILED', message: '', cause: { name: 'Error', code: 'ENOSPC', message: '' } }],
  ['IMAGE_NOT_FOUND', { name: 'ImageNotFoundError', code: 'IMAGE_NOT_FOUND', message: '' }],
])('%s', (code, record) => { expect(codeOf(record)).toBe(code) })
