// Every overlay, rendered by the real kubectl, valid to the last field, and right in what its objects say of one another.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseListen, unknownVariables } from '@longshore/telemetry'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Json, type KubeObject, problemsOf, render } from './kustomize.ts'
import { overlays, userSecrets, variables } from './operations.ts'
import { root } from './tools.ts'

const infra = join(root, 'infra/kubernetes')
/** What somebody would put together. */
const together = mkdtempSync(join(tmpdir(), 'longshore-overlay-'))
const kinds: ReadonlyArray<readonly [name: string, folder: string]> = [
  ['base', 'base'], ...readdirSync(join(infra, 'overlays')).map((name): readonly [string, string] => [name, `overlays/${name}`]), ['keda, monitoring, redis and job together', together],
]

interface Workload { readonly name: string; readonly kind: string; readonly component: string; readonly object: KubeObject; readonly labels: Readonly<Record<string, string>>; readonly pod: Json; readonly container: Json }

function workloadsOf(objects: readonly KubeObject[]): readonly Workload[] {
  return objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind)).map((object) => ({
    name: object.metadata.name, kind: object.kind, object, labels: object.spec.template.metadata.labels as Record<string, string>, pod: object.spec.template.spec,
    component: object.spec.template.metadata.labels['app.kubernetes.io/component'] as string, container: object.spec.template.spec.containers[0],
  }))
}

/** Whether a label selector of Kubernetes chooses these labels. */
function selects(selector: Json, labels: Readonly<Record<string, string>> = {}): boolean {
  const { matchLabels = {}, matchExpressions = [], ...unknown } = selector as { matchLabels?: Record<string, string>; matchExpressions?: ReadonlyArray<{ key: string; operator: string; values: readonly string[] }> }
  expect(unknown).toEqual({})
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
    && matchExpressions.every(({ key, operator, values }) => operator === 'In' && values.includes(labels[key] ?? ''))
}

const byKind = (objects: readonly KubeObject[], kind: string): readonly KubeObject[] => objects.filter((object) => object.kind === kind)

beforeAll(async () => {
  const component = (name: string): string => relative(together, join(infra, 'components', name))
  writeFileSync(join(together, 'kustomization.yaml'), JSON.stringify({
    apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', namespace: 'longshore', resources: [relative(together, join(infra, 'base'))],
    components: ['keda', 'monitoring', 'redis', 'job'].map(component), images: [{ name: 'longshore', newName: 'registry.example.com/tools/longshore', newTag: '9' }],
  }))
  // The tool may have to be fetched.
  await render('base')
}, 600_000)
afterAll(() => { rmSync(together, { recursive: true }) })

test('every overlay is in docs/operations.md, and the other way round', () => {
  expect(readdirSync(join(infra, 'overlays')).sort()).toEqual([...overlays].sort())
})

test('the validation sees what Kubernetes would refuse, and what it would drop', async () => {
  const worker = byKind(await render('base'), 'Deployment').find(({ metadata }) => metadata.name === 'longshore-worker')!
  expect(await problemsOf(worker)).toEqual([])
  const broken = structuredClone(worker) as Json
  broken.spec.template.spec.containers[0].resorces = {}
  broken.spec.template.spec.containers[0].ports[0].containerPort = '8081'
  broken.spec.selector.matchLabels = undefined
  expect(await problemsOf(broken as KubeObject)).toEqual([
    expect.stringContaining('/spec/template/spec/containers/0/ports/0/containerPort must be integer'),
    expect.stringContaining('/spec/template/spec/containers/0/resorces is no field'),
  ])
  expect(await problemsOf({ ...worker, apiVersion: 'apps/v1beta9' })).toEqual(['Deployment longshore-worker: there is no apps/v1beta9 Deployment'])
})

describe.each(kinds)('%s', (_, folder) => {
  let objects: readonly KubeObject[] = []
  let workloads: readonly Workload[] = []
  beforeAll(async () => {
    objects = await render(folder)
    workloads = workloadsOf(objects)
  })

  test('renders objects that Kubernetes, KEDA and the Prometheus Operator take', async () => {
    const problems = (await Promise.all(objects.map(problemsOf))).flat()
    expect(problems).toEqual([])
    expect(objects.length).toBeGreaterThanOrEqual(12)
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    expect(names).toEqual([...new Set(names)])
    process.stderr.write(`kustomize ${folder.startsWith('/') ? 'together' : folder}: ${objects.length} objects valid\n`)
  })

  test('the same labels everywhere, in one namespace', () => {
    for (const { kind, metadata } of objects) {
      expect(metadata.labels, `${kind} ${metadata.name}`).toMatchObject({
        'app.kubernetes.io/name': 'longshore', 'app.kubernetes.io/instance': 'longshore', 'app.kubernetes.io/part-of': 'longshore', 'app.kubernetes.io/managed-by': 'kustomize',
      })
      expect(kind === 'Namespace' ? metadata.name : metadata.namespace, `${kind} ${metadata.name}`).toBe('longshore')
    }
  })

  test('selectors choose what they are meant to, and stay the same when labels are added', () => {
    for (const { object, labels, name, component } of workloads) {
      if (object.kind === 'Job') continue
      expect(Object.keys(object.spec.selector.matchLabels as object).sort(), name).toEqual(['app.kubernetes.io/component', 'app.kubernetes.io/instance', 'app.kubernetes.io/name'])
      expect(workloads.filter((other) => selects(object.spec.selector, other.labels)).map((other) => other.name), name).toEqual([name])
      expect(selects(object.spec.selector, labels)).toBe(true)
      for (const { labelSelector } of object.spec.template.spec.topologySpreadConstraints ?? []) expect(labelSelector, name).toEqual(object.spec.selector)
      if (component !== 'redis') expect(object.spec.template.spec.topologySpreadConstraints, name).toHaveLength(2)
    }
    for (const { metadata, spec } of byKind(objects, 'PodDisruptionBudget')) {
      expect(workloads.filter(({ labels }) => selects(spec.selector, labels)).map(({ name }) => name)).toEqual([metadata.name])
    }
  })

  test('services lead to ports of pods, monitors to ports of services and pods', () => {
    const named = (container: Json, port: string): boolean => (container.ports as ReadonlyArray<{ name: string }>).some(({ name }) => name === port)
    const services = byKind(objects, 'Service')
    expect(services.length).toBeGreaterThan(0)
    for (const { metadata, spec } of services) {
      const chosen = workloads.filter(({ labels }) => selects({ matchLabels: spec.selector }, labels))
      expect(chosen.map(({ name }) => name)).toEqual([metadata.name])
      for (const { port, targetPort } of spec.ports) {
        expect(named(chosen[0]!.container, targetPort as string)).toBe(true)
        expect(chosen[0]!.container.ports[0].containerPort).toBe(port)
      }
    }
    for (const { spec } of byKind(objects, 'ServiceMonitor')) {
      const chosen = services.filter(({ metadata }) => selects(spec.selector, metadata.labels))
      expect(chosen.map(({ metadata }) => metadata.name)).toEqual(['longshore-coordinator'])
      expect(chosen[0]!.spec.ports.map(({ name }: { name: string }) => name)).toContain(spec.endpoints[0].port)
    }
    for (const { spec } of byKind(objects, 'PodMonitor')) {
      const chosen = workloads.filter(({ labels }) => selects(spec.selector, labels))
      expect(chosen.map(({ name }) => name)).toEqual(['longshore-worker'])
      expect(named(chosen[0]!.container, spec.podMetricsEndpoints[0].port as string)).toBe(true)
    }
    for (const { object } of workloads.filter(({ kind }) => kind === 'StatefulSet')) expect(services.map(({ metadata }) => metadata.name)).toContain(object.spec.serviceName)
  })

  test('what is referred to is there, or is for the user to bring and said so', () => {
    const found = { secrets: new Set<string>(), maps: new Set<string>() }
    const maps = new Map(byKind(objects, 'ConfigMap').map(({ metadata, data }) => [metadata.name, new Set(Object.keys(data ?? {}))]))
    for (const { pod } of workloads) {
      for (const container of pod.containers) {
        for (const { configMapRef, secretRef } of container.envFrom ?? []) {
          expect(secretRef).toBeUndefined()
          found.maps.add(configMapRef.name as string)
        }
        for (const { valueFrom } of container.env ?? []) {
          if (valueFrom?.secretKeyRef !== undefined) found.secrets.add(`${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}`)
        }
        const volumes = new Set((pod.volumes ?? []).map(({ name }: { name: string }) => name))
        for (const { metadata } of pod === undefined ? [] : (workloads.find((one) => one.pod === pod)?.object.spec.volumeClaimTemplates ?? [])) volumes.add(metadata.name)
        for (const { name } of container.volumeMounts ?? []) expect(volumes).toContain(name)
      }
      for (const { configMap, secret } of pod.volumes ?? []) {
        if (configMap !== undefined) found.maps.add(configMap.name as string)
        for (const { key } of secret?.items ?? []) found.secrets.add(`${secret.secretName}/${key}`)
      }
      expect(byKind(objects, 'ServiceAccount').map(({ metadata }) => metadata.name)).toContain(pod.serviceAccountName)
    }
    for (const { spec } of [...byKind(objects, 'ServiceMonitor'), ...byKind(objects, 'PodMonitor')]) {
      for (const { authorization } of spec.endpoints ?? spec.podMetricsEndpoints) found.secrets.add(`${authorization.credentials.name}/${authorization.credentials.key}`)
    }
    for (const { spec } of byKind(objects, 'TriggerAuthentication')) for (const { name, key } of spec.secretTargetRef) found.secrets.add(`${name}/${key}`)
    expect([...found.secrets].filter((secret) => !userSecrets.has(secret))).toEqual([])
    expect([...found.maps].filter((name) => !maps.has(name))).toEqual([])
    // Nothing secret in the files themselves.
    expect(byKind(objects, 'Secret')).toEqual([])
  })

  test('variables are settings that docs/operations.md explains; ports and times agree', () => {
    const settings = byKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name.startsWith('longshore-settings'))!.data!
    for (const { container, pod, component, name } of workloads) {
      if (component === 'redis') continue
      const set: Readonly<Record<string, Json>> = { ...settings, ...Object.fromEntries(container.env.map((variable: Json) => [variable.name, variable.value ?? variable.valueFrom])) }
      expect(Object.keys(set).filter((variable) => !variables.has(variable)), name).toEqual([])
      expect(unknownVariables(set), name).toEqual([])
      // Ten seconds for what is left to be handed back, and for the process to end.
      expect(pod.terminationGracePeriodSeconds, name).toBeGreaterThanOrEqual(Number(settings['LONGSHORE_GRACE_SECONDS']) + 10)
      const credentials = container.volumeMounts.find((mount: Json) => mount.name === 'credentials')
      const items = pod.volumes.find((volume: Json) => volume.name === 'credentials').secret.items
      expect(set['REGISTRY_AUTH_FILE'], name).toBe(`${credentials.mountPath}/${items[0].path}`)
      if (component === 'migration') continue
      // Both are as if they were not there until somebody gives them.
      if (component === 'coordinator') expect([set['LONGSHORE_NOTIFICATION_SECRET'], set['LONGSHORE_ALLOW_HOOKS']], name).toEqual([{ secretKeyRef: { name: 'longshore-notifications', key: 'secret', optional: true } }, 'false'])
      else expect(Object.keys(set), name).not.toContain('LONGSHORE_NOTIFICATION_SECRET')
      expect(container.args).toEqual([component])
      expect(parseListen(set['LONGSHORE_LISTEN'] as string, 'LONGSHORE_LISTEN')).toEqual({ host: '0.0.0.0', port: container.ports[0].containerPort as number })
      for (const [probe, path] of [['startupProbe', '/healthz'], ['livenessProbe', '/healthz'], ['readinessProbe', '/readyz']] as const) {
        expect(container[probe].httpGet, `${name} ${probe}`).toEqual({ path, port: container.ports[0].name as string })
      }
    }
  })

  test('pods may do nothing that they need not', () => {
    for (const { pod, name } of workloads) {
      expect(pod, name).toMatchObject({
        automountServiceAccountToken: false, enableServiceLinks: false, serviceAccountName: 'longshore',
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      })
      expect(pod.hostNetwork ?? pod.hostPID ?? pod.hostIPC).toBeUndefined()
      for (const container of pod.containers) {
        expect(container.securityContext, name).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
        for (const amount of ['cpu', 'memory']) {
          expect(container.resources.requests[amount], name).toBeDefined()
          expect(container.resources.limits[amount], name).toBeDefined()
        }
      }
    }
    for (const account of byKind(objects, 'ServiceAccount')) expect(account.automountServiceAccountToken).toBe(false)
    expect(byKind(objects, 'Namespace')[0]!.metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' })
  })

  test('the network is closed but for what is used', () => {
    const policies = byKind(objects, 'NetworkPolicy')
    expect(policies.find(({ metadata }) => metadata.name === 'longshore-default-deny')!.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    for (const { component, labels, container } of workloads) {
      const mine = policies.filter(({ spec }) => selects(spec.podSelector, labels))
      const into = mine.flatMap(({ spec }) => spec.ingress ?? []).flatMap(({ ports }) => ports).map(({ port }) => port as number)
      expect(into, component).toEqual((container.ports ?? []).map(({ containerPort }: { containerPort: number }) => containerPort))
      const out = mine.flatMap(({ spec }) => spec.egress ?? []).flatMap(({ ports }) => ports).map(({ port }) => port as number)
      expect(out.sort((a, b) => a - b), component).toEqual(component === 'redis' ? [] : [53, 53, 80, 443, 5000, 5353, 5353, 6379, 6380, 26379])
      // A node's own DNS cache, a managed Redis and registries are in no namespace.
      for (const rule of mine.flatMap(({ spec }) => spec.egress ?? [])) expect(rule.to, component).toBeUndefined()
    }
    // Registries, of namespaces that somebody has named, tell the coordinator what has changed, and nobody else.
    const notifying = (component: string): boolean => policies.filter(({ spec }) => selects(spec.podSelector, workloads.find((one) => one.component === component)!.labels))
      .flatMap(({ spec }) => spec.ingress ?? []).flatMap((rule) => (rule.from ?? []) as ReadonlyArray<{ readonly namespaceSelector?: Json; readonly podSelector?: Json }>)
      .some(({ namespaceSelector, podSelector }) => namespaceSelector !== undefined && podSelector === undefined && selects(namespaceSelector, { 'kubernetes.io/metadata.name': 'harbor', 'longshore-notifies': 'true' }))
    expect([notifying('coordinator'), notifying('worker')]).toEqual([true, false])
    // Redis lets in those who need it, and nobody else of the namespace.
    const toRedis = policies.find(({ metadata }) => metadata.name === 'longshore-redis')
    for (const { labels, component } of workloads) if (toRedis) expect(selects(toRedis.spec.ingress[0].from[0].podSelector, labels), component).toBe(component !== 'redis')
  })

  test('who counts the replicas', () => {
    const scalers = [...byKind(objects, 'HorizontalPodAutoscaler'), ...byKind(objects, 'ScaledObject')]
    const worker = workloads.find(({ name }) => name === 'longshore-worker')!.object
    for (const { spec } of scalers) expect(spec.scaleTargetRef).toEqual({ apiVersion: worker.apiVersion, kind: worker.kind, name: worker.metadata.name })
    expect(worker.spec.replicas).toBe(scalers.length === 0 ? 2 : undefined)
    expect(workloads.find(({ name }) => name === 'longshore-coordinator')!.object.spec.replicas).toBe(2)
  })

  test('one image', () => {
    const images = new Set(workloads.filter(({ component }) => component !== 'redis').map(({ container }) => container.image as string))
    expect([...images]).toEqual([folder === together ? 'registry.example.com/tools/longshore:9' : 'longshore:0.1.0'])
  })
})
