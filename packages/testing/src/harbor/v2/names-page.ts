import type { Answer, Call } from '../call.ts'
import { badRequest } from '../harbor-error.ts'

/** `n` and `last` over names that are sorted. @throws HarborRefusal 400 */
export function namesPage({ url }: Call, names: readonly string[]): { readonly page: readonly string[]; readonly headers: NonNullable<Answer['headers']> } {
  const n = url.searchParams.get('n')
  const last = url.searchParams.get('last')
  if (n !== null && n !== '' && !/^\d+$/.test(n)) throw badRequest('the N must be a positive int type')
  const from = last === null || last === '' ? 0 : names.findIndex((name) => name > last)
  const rest = from < 0 ? [] : names.slice(from)
  const page = n === null || n === '' ? rest : rest.slice(0, Number(n))
  const end = page.at(-1)
  const query = new URLSearchParams({ n: n ?? '', last: end ?? '' })
  return { page, headers: end === undefined || page.length === rest.length ? {} : { link: `<${url.pathname}?${query.toString()}>; rel="next"` } }
}
