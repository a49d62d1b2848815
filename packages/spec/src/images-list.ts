// Images lists: a name a line, or a pair of them. The format is in docs/spec.md.
import { type Digest, InvalidReferenceError, parseRepositoryName, parseTag, type Tag } from '@longshore/oci'
import { decodeText, type SpecInput } from './decode-text.ts'
import { type ContentOptions, defaultContent, type Destination, type Entry, type Requested } from './migration.ts'
import { type ParsedSpec, type ParseOptions, placesOf } from './parse-options.ts'
import { dockerHub, joinPath, type Place, repositoryAt, splitName } from './place.ts'
import { type Problem, quoted, SpecError } from './spec-error.ts'

/** What a list is read with. */
export interface ListContext {
  readonly from: Place
  readonly to: readonly Place[]
  readonly fromForAll: boolean
  readonly content: ContentOptions
}

/** @throws SpecError with every problem of the file. */
export function parseImagesList(input: SpecInput, options: ParseOptions): ParsedSpec {
  const text = decodeText(input)
  if (typeof text !== 'string') throw new SpecError([text])
  const { from, to } = placesOf(options)
  return parseListText(input.name, text, {
    from: from ?? dockerHub, to: to ?? [], fromForAll: options.fromForAll ?? false, content: { ...defaultContent, ...options.content },
  })
}

export function parseListText(file: string, text: string, context: ListContext): ParsedSpec {
  const entries: Entry[] = []
  const warnings: Problem[] = []
  const problems: Problem[] = []
  let line = 0
  for (const raw of text.split('\n')) {
    line++
    const words = wordsOf(raw)
    const [source, destination] = words
    if (source === undefined) continue
    const at = (word: Word): { file: string; line: number; column: number } => ({ file, line, column: word.column })
    const extra = words[2]
    if (extra !== undefined) {
      problems.push({ ...at(extra), message: `a line holds one name, or a source and a destination; ${quoted(extra.text)} is one too many (comments start with #)` })
      continue
    }
    let word = source
    try {
      const named = parseSource(source.text, context)
      if (named.untagged) warnings.push({ ...at(source), message: `${quoted(source.text)} has no tag: taken as ${source.text}:latest` })
      if (destination !== undefined) word = destination
      const destinations = destination === undefined ? keepPath(context.to) : parseDestination(destination.text, context.to, named.requested)
      if (destinations.length === 0) {
        problems.push({ ...at(word), message: `${quoted(word.text)} has no destination registry: give --to HOST[/PREFIX], or write a full reference behind it` })
        continue
      }
      entries.push({
        source: named.source, selection: { kind: 'references', references: [named.requested] },
        destinations, content: context.content, origin: { file, line },
      })
    } catch (error) {
      if (!(error instanceof InvalidReferenceError)) throw error
      problems.push({ ...at(word), message: mention(word.text, error) })
    }
  }
  if (problems.length > 0) throw new SpecError(problems)
  // A list of failures is so when nothing failed.
  if (entries.length === 0) warnings.push({ file, message: 'names no images' })
  return { migration: { entries }, warnings }
}

interface Word { readonly text: string; readonly column: number }

/** The names of a line: split by white space, by ` -> ` as they are printed, or by one `=`; a `#` at the start or behind white space ends it. */
function wordsOf(raw: string): readonly Word[] {
  const comment = /(?:^|\s)#/.exec(raw)
  const line = (comment ? raw.slice(0, comment.index) : raw).replace(/(?<=\S\s+)->(?=\s+\S)/, '  ')
  const words: Word[] = []
  for (const match of line.matchAll(/[^\s=]+/g)) words.push({ text: match[0], column: match.index + 1 })
  const equals = line.indexOf('=')
  if (equals < 0) return words
  // `a=`, `=b` and `a=b=c` are not pairs: the sign is left in, so that the complaint shows it.
  const [source, destination] = words
  const isPair = words.length === 2 && source !== undefined && destination !== undefined && line.indexOf('=', equals + 1) < 0
    && equals > source.column - 1 && equals < destination.column - 1
  return isPair ? words : [{ text: line.trim(), column: line.search(/\S/) + 1 }]
}

/** A name as a source. @throws InvalidReferenceError */
export function parseSource(text: string, context: Pick<ListContext, 'from' | 'fromForAll'>):
{ readonly source: Extract<Entry['source'], { kind: 'repository' }>; readonly requested: Requested; readonly untagged: boolean } {
  const { registry, repository: path, tag, digest } = splitName(text)
  // A name that lies below `from` already, as in a list of failures, stays as it is.
  const below = registry === context.from.registry && path.startsWith(joinPath(context.from.prefix, ''))
  const place = registry === undefined || (context.fromForAll && !below) ? context.from : { registry, prefix: '' }
  const untagged = tag === undefined && digest === undefined
  return {
    source: { kind: 'repository', registry: place.registry, repository: repositoryAt(place, path), path },
    requested: digest === undefined ? { reference: tag ?? parseTag('latest') } : { reference: digest, ...(tag === undefined ? {} : { tag }) },
    untagged,
  }
}

/** What a pair (or `as:`) names: a full reference, or a path below each of `to`. @throws InvalidReferenceError */
export function parseDestination(text: string, to: readonly Place[], requested?: Requested): readonly Destination[] {
  const { registry, repository: path, tag, digest } = splitName(text)
  if (digest !== undefined && requested?.reference !== digest) {
    throw new InvalidReferenceError(text, 'a destination by digest takes only the source of that same digest; name a tag')
  }
  const reference: Tag | Digest | undefined = tag ?? digest
  const places = registry === undefined ? to : [{ registry, prefix: '' }]
  return places.map((place) => ({
    kind: 'exact', registry: place.registry, repository: parseRepositoryName(joinPath(place.prefix, path)), ...(reference === undefined ? {} : { reference }),
  }))
}

export function keepPath(to: readonly Place[]): readonly Destination[] {
  return to.map((place) => ({ kind: 'under', registry: place.registry, prefix: place.prefix, rename: [] }))
}

/** The error's sentence, naming the whole word where it speaks of a part of it. */
export function mention(word: string, error: InvalidReferenceError): string {
  const why = error.message.slice(error.message.lastIndexOf('" is not a valid reference: ') + '" is not a valid reference: '.length)
  return `${quoted(word.replace(/\/\/.*@/, '//…@'))} is not a valid reference: ${why}`
}
