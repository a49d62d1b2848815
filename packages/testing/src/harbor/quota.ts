// Storage quotas: each blob of a project counts once. https://github.com/goharbor/harbor/tree/v2.12.0/src/server/middleware/quota
import type { Digest } from '@longshore/oci'
import { HarborRefusal } from './harbor-error.ts'
import type { HarborState } from './harbor-state.ts'
import type { Project } from './model.ts'

export function usedBy(project: Project): number {
  return project.blobs.values().reduce((sum, size) => sum + size, 0)
}

/** The blobs that the project has not, in bytes. */
export function missingBytes(project: Project, blobs: Iterable<readonly [Digest, number]>): number {
  let bytes = 0
  for (const [digest, size] of new Map(blobs)) if (!project.blobs.has(digest)) bytes += size
  return bytes
}

/**
 * Keeps the room while `act` is under way.
 *
 * @throws HarborRefusal 403 DENIED where it is not there
 */
export async function withRoom<T>(state: HarborState, project: Project, bytes: number, act: () => Promise<T>): Promise<T> {
  if (bytes === 0 || !state.configuration.quotaPerProject) return act()
  const used = usedBy(project) + project.reserved
  if (project.storageLimit !== -1 && used + bytes > project.storageLimit) {
    // The cause is told twice: Harbor wraps it in itself.
    const cause = `adding ${formatBytes(bytes)} of storage resource, which when updated to current usage of ${formatBytes(used)} will exceed the configured upper limit of ${formatBytes(project.storageLimit)}.`
    throw new HarborRefusal('DENIED', `Quota exceeded when processing the request of ${cause}: ${cause}`)
  }
  project.reserved += bytes
  try {
    return await act()
  } finally {
    project.reserved -= bytes
  }
}

/** `types.ResourceName.FormatValue`. */
function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`
}
