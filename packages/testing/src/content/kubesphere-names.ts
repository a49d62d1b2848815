import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A real images list, with its headings. */
export const kubesphereListPath: string = fileURLToPath(new URL('../../fixtures/kubesphere-images-list.txt', import.meta.url))

/** Its 143 images, as written there. */
export function kubesphereNames(): readonly { readonly repository: string; readonly tag: string }[] {
  return readFileSync(kubesphereListPath, 'utf8').split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const colon = line.lastIndexOf(':')
    return { repository: line.slice(0, colon), tag: line.slice(colon + 1) }
  })
}
