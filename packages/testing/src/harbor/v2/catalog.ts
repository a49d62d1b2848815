import type { Answer, Call } from '../call.ts'
import { namesPage } from './names-page.ts'

/** Repositories with an artifact, sorted. @throws HarborRefusal 400 */
export function answerCatalog(call: Call): Answer {
  const names = [...call.state.repositories.values()].filter((repository) => repository.artifacts.size > 0).map(({ name }) => name).sort()
  const { page, headers } = namesPage(call, names)
  return { status: 200, body: { repositories: page }, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } }
}
