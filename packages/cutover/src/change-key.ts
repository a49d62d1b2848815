import type { Change } from './record.ts'

/** What is moved by it: that is moved once, however often it was told. */
export function changeKey({ registry, repository, tag, digest }: Change): string {
  return `${registry}/${repository}${tag === undefined ? `@${digest ?? ''}` : `:${tag}`}`
}
