import type { ErrorRecord } from '@longshore/oci'

/** What a person can do about each error; docs/errors.md says more. */
const cures: Readonly<Record<string, string>> = {
  IMAGE_NOT_FOUND: 'check the name and the tag at the source; a moved or deleted tag can be left out of the list',
  MANIFEST_UNKNOWN: 'check the name and the tag at the source',
  BLOB_UNKNOWN: 'the destination has lost content that it had; run again with longshore verify --repair',
  PLATFORM_NOT_FOUND: 'ask for a platform that it has, or leave --platform out for this image',
  NAME_UNKNOWN: 'create the repository (or its project) at the destination, or check its name',
  NAME_INVALID: 'the destination does not take this name; map it with a rename rule or another --to prefix',
  UNAUTHORIZED: 'log in (--src-creds, --dest-creds or --authfile), and check that the account may read here and push there; a Harbor answers so, too, where the project does not exist (longshore plan says it)',
  DENIED: 'the account lacks the right to do this, or the project does not exist at the destination',
  TOOMANYREQUESTS: 'the registry limits requests; log in, lower --concurrency, or run again later: what is there is not moved again',
  MANIFEST_BLOB_UNKNOWN: 'the destination lacks something the manifest lists; with --platform and the policy sparse, use --platform-policy=strip',
  MANIFEST_INVALID: 'the destination does not take this kind of manifest',
  UNSUPPORTED: 'the destination does not take this kind of content',
  DIGEST_MISMATCH: 'the content is corrupt where it is read, or on the way; pull it by hand to compare, then push it to the source again',
  SIZE_MISMATCH: 'the manifest at the source lies about its content; rebuild the image',
  MANIFEST_TOO_LARGE: 'no registry has to take a manifest of this size; rebuild the image with fewer layers or annotations',
  CONTENT_REFUSED: 'rebuild the image in a current format, or set the destination up to take it (docs/errors.md says how for docker-registry)',
  DIGEST_INVALID: 'something between here and the destination changes the bytes; check proxies, then run again',
  TAG_CONFLICT: 'somebody else moves this tag; look which content is meant, then run again',
  TAG_IMMUTABLE: 'the destination forbids moving this tag; choose another tag, or lift the rule there',
  PROJECT_NOT_MADE: 'see why Harbor refused it; have it made, or give the account the right, then run again',
  HOOK_FAILED: 'run the hook by hand to see why; when it works, run again: what is there is not moved again',
  HOOK_VARIABLE_MISSING: 'set the variable where the hook is called from, then run again',
  HOST_UNREACHABLE: 'check the host name, the port and the network',
  TLS_FAILED: 'trust its certificate (certs.d, --src-cert-dir, --dest-cert-dir), or pass --src-tls-verify=false or --dest-tls-verify=false',
  STALLED: 'the connection stood still; check the network, then run again: it goes on where it was',
  CONNECTION_FAILED: 'the connection broke again and again; check the network, then run again: it goes on where it was',
  NOT_A_REGISTRY: 'check the host, the port and any path in front of /v2/',
  STOPPED: 'run the same command again: it goes on where it was',
}

/** Where the same code means something else at the source. */
const sourceCures: Readonly<Record<string, string>> = {
  NAME_UNKNOWN: 'check the name of the repository at the source, and whether these credentials may see it',
  BLOB_UNKNOWN: 'the source has lost a part of this image; rebuild it and push it there again, or leave it out',
  MANIFEST_UNKNOWN: 'check the name and the tag at the source',
  MANIFEST_INVALID: 'the source serves a manifest that is malformed; rebuild the image, or leave it out',
}

function cureByStatus(status: number, isSource: boolean): string {
  switch (status) {
    case 401: return cures['UNAUTHORIZED'] ?? ''
    case 403: return cures['DENIED'] ?? ''
    case 404: return (isSource ? sourceCures : cures)['NAME_UNKNOWN'] ?? ''
    case 412: return 'a policy of its project forbids pulling this image (Harbor: not scanned, vulnerable, or not signed): have it scanned or signed, or switch the policy off until everything is moved and verified'
    case 413: return 'a proxy in front of the destination limits the size of requests; raise its limit'
    case 429: return cures['TOOMANYREQUESTS'] ?? ''
    default: return status >= 500 ? 'the registry is in trouble; run again later' : ''
  }
}

/** The cure for an error, from the innermost cause that has one, by the side that it happened on. */
export function hintFor(record: ErrorRecord, side = record.side): string {
  // What we found out ourselves says more than the answer that made us look.
  if (record.code === 'CONTENT_REFUSED') return cures['CONTENT_REFUSED'] ?? ''
  const isSource = (record.side ?? side) === 'source'
  const inner = record.cause ? hintFor(record.cause, record.side ?? side) : ''
  if (inner !== '') return inner
  return (isSource ? sourceCures[record.code] : undefined) ?? cures[record.code] ?? (record.status === undefined ? '' : cureByStatus(record.status, isSource))
}
