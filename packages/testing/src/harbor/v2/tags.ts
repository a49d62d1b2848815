import type { Answer, Call } from '../call.ts'
import { notFound } from '../harbor-error.ts'
import { namesPage } from './names-page.ts'

/** From the database, sorted; those of signatures too. @throws HarborRefusal 404, 400 */
export function answerTags(call: Call, name: string): Answer {
  const repository = call.state.repositories.get(name)
  if (!repository) throw notFound(`repository ${name} not found`)
  const { page, headers } = namesPage(call, [...repository.tags.keys()].sort())
  return { status: 200, body: { name, tags: page }, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } }
}
