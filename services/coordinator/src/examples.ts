// What the OpenAPI document shows. A test checks every one of them against its schema.

const digest = 'sha256:0f3b9a2c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8'
const created = '2026-11-25T09:30:00.000Z'
const blobs = { pushed: { count: 41, bytes: 812_345_678 }, mounted: { count: 12, bytes: 90_123_456 }, existed: { count: 3, bytes: 4_321 } }

const migration = {
  id: 'k7f3xq9b2d', name: 'november mirror', task: 'migrate', state: 'running', created, expanded: true,
  options: { srcTlsVerify: true, destTlsVerify: true, keepGoing: true, distrust: false, window: 512 },
  images: { found: 143, resolved: 120, copied: 97, present: 11, failed: 1, open: 34 }, blobs, expectedBytes: 2_345_678_901, manifests: 130, referrers: 4, rewritten: 0,
  nodes: { waiting: 60, ready: 5, leased: 18, done: 212, failed: 0 }, workers: 4, led: true, elapsedMs: 95_000, etaMs: 61_000,
}
const source = 'docker.io/library/redis:7'
const destination = 'registry.example.com/mirror/library/redis:7'
const error = {
  name: 'CopyError', code: 'COPY_FAILED', message: 'resolve on the source', side: 'source', op: 'resolve',
  cause: { name: 'ImageNotFoundError', code: 'IMAGE_NOT_FOUND', message: 'there is no library/redis:77 at the source' },
}

const verification = {
  started: '2026-11-25T22:10:00.000Z', ended: '2026-11-25T22:14:00.000Z', images: 300, sound: 300, missing: 0, differing: 0, corrupt: 0, failed: 0, unlisted: 0, passing: 0, manifests: 412, blobs: 2_801, bytesRead: 0,
  deepPercent: 0, findings: [], extra: 2,
}
const { passing: _, ...reportedVerification } = verification
const cutover = {
  id: 'm4t7wq2k9z', name: 'to harbor', phase: 'go', created, since: '2026-11-25T22:14:01.000Z', ended: '2026-11-25T22:14:01.000Z', options: { srcTlsVerify: true, destTlsVerify: true },
  moved: { copied: 305, bytes: 48_123_456_789 }, passCount: 14,
  passes: [{ number: 1, kind: 'bulk', started: created, ended: '2026-11-25T10:30:00.000Z', images: 300, copied: 300, present: 0, failed: 0, bytes: 48_000_000_000, failures: [], unlisted: 0, passing: 0 }],
  freeze: { requested: '2026-11-25T22:00:00.000Z', by: 'person', frozen: '2026-11-25T22:00:01.000Z', deadline: '2026-11-25T22:30:01.000Z', caughtUp: '2026-11-25T22:09:59.000Z' }, verification,
  decision: { at: '2026-11-25T22:14:01.000Z', verdict: 'go', criteria: [{ name: 'missing', met: true, found: '0 of 300 images are missing (allowed: 0)' }] }, waitingChanges: 0, led: false,
}

export const examples = {
  list: 'library/redis:7\nquay.io/prometheus/node-exporter:v1.8.2 registry.example.com/tools/node-exporter:v1\n',
  yaml: 'version: 1\nfrom: registry.example.com\nto: mirror.example.com/team\nimages:\n  - name: team/app\n    tags: { semver: ">=1.20", latest: 5 }\n',
  submit: { specs: [{ file: 'images.txt', content: 'library/redis:7\n' }], to: 'registry.example.com/mirror', platforms: ['linux/amd64', 'linux/arm64'], name: 'november mirror' },
  migration,
  submitted: { ...migration, resumed: false, warnings: [{ file: 'images.txt', line: 3, column: 1, message: '"library/nginx" has no tag: taken as library/nginx:latest' }] },
  images: {
    images: [
      { id: destination, source, destination, state: 'copied', digest, referrers: 1, blobs, ms: 5_120 },
      { id: `${destination}7`, source: `${source}7`, destination: `${destination}7`, state: 'failed', ms: 310, code: 'IMAGE_NOT_FOUND', error, hint: 'check the name and the tag at the source' },
    ],
    next: 'cmVnaXN0cnkuZXhhbXBsZS5jb20',
  },
  nodes: {
    image: destination, state: 'moving',
    nodes: [
      { key: `blob registry.example.com/mirror/library/redis@${digest}+28203201`, state: 'leased', worker: 'node7-41-x8k2p1' },
      { key: 'tag registry.example.com/mirror/library/redis:7', state: 'waiting' },
    ],
  },
  events: `id: 1795771800000-0.0\nevent: run\ndata: {"type":"found","source":"${source}","destination":"${destination}"}\n\nevent: status\ndata: {"id":"k7f3xq9b2d","state":"running"}\n\n`,
  report: {
    version: 1, tool: { name: 'longshore', version: '0.1.0' }, started: created, ended: '2026-11-25T09:33:00.000Z', ms: 180_000, outcome: 'complete',
    totals: { images: { found: 1, copied: 1, present: 0, failed: 0, abandoned: 0 }, blobs, manifests: 1, referrers: 0, unlisted: 0, droppedTags: 0 },
    registries: [{ side: 'source', registry: 'docker.io', requests: 9, bytesIn: 902_470_000, bytesOut: 0, retries: 0, pauses: 0 }],
    images: [{ source, destination, outcome: 'copied', digest, blobs, referrers: 0, ms: 5_120 }], digestMap: {}, unlisted: [], dropped: [],
  },
  failed: `# The images that failed. Feed this list back in, with the same flags as before:\n#   longshore migrate THIS-FILE\n${source}7 ${destination}7 # IMAGE_NOT_FOUND: there is no library/redis:77 at the source\n`,
  worker: {
    id: 'node7-41-x8k2p1', role: 'worker', host: 'node7', pid: 41, version: '0.1.0', started: created, inFlight: { images: 3, blobs: 16, manifests: 2 },
    transfers: [{ migration: 'k7f3xq9b2d', registry: 'registry.example.com', repository: 'mirror/library/redis', digest, size: 28_203_201, sent: 9_437_184 }],
  },
  cutoverReport: {
    version: 1, tool: { name: 'longshore', version: '0.1.0' }, id: cutover.id, name: cutover.name, written: '2026-11-25T22:15:00.000Z', created, phase: 'go', since: cutover.since, verdict: 'go', decided: cutover.since,
    sources: ['registry.example.com'], destinations: ['harbor.example.com'], criteria: cutover.decision.criteria, freeze: cutover.freeze, moved: { ...cutover.moved, passes: 14 },
    passes: [{ number: 1, kind: 'bulk', started: created, ended: '2026-11-25T10:30:00.000Z', images: 300, copied: 300, present: 0, failed: 0, unlisted: 0, bytes: 48_000_000_000 }], failures: [],
    verification: reportedVerification,
  },
  cutover, begun: { ...cutover, resumed: false, warnings: [] },
  cutoverYaml: 'version: 1\nfrom: registry.example.com\nto: harbor.example.com/team\nimages:\n  - name: team/app\ncutover:\n  delta: { every: 10m, events: true }\n  freeze: { when: manual, deadline: 30m }\n',
  begin: { spec: 'version: 1\nto: harbor.example.com/team\nimages: [{ name: registry.example.com/team/app }]\ncutover: { delta: { every: 10m } }\n', name: 'to harbor' },
  dockerNotification: { events: [{ id: '9ba6ec10', action: 'push', target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 240, repository: 'team/app', tag: 'v1' } }] },
  harborNotification: { type: 'PUSH_ARTIFACT', occur_at: 1795771800, operator: 'admin', event_data: { resources: [{ digest, tag: 'v1', resource_url: 'harbor.example.com/team/app:v1' }], repository: { repo_full_name: 'team/app' } } },
  cloudEvent: { specversion: '1.0', type: 'harbor.artifact.pushed', source: '/projects/1/webhook/policies/3', id: '4b2f89a6', data: { resources: [{ digest, tag: 'v1' }], repository: { repo_full_name: 'team/app' } } },
  heard: { changes: 1, ignored: 0 },
} as const
