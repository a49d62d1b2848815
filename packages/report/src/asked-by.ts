import { type Asker, askersOf, type Origin } from '@longshore/transfer'

/** Which objects asked for an image, as it is printed as JSON; nothing where none did. */
export interface AskedBy {
  readonly askedBy?: Array<Asker & { readonly object: string }>
  /** How many there are besides. */
  readonly askedByMore?: number
}

export function askedBy(origin: Origin | undefined): AskedBy {
  if (origin?.object === undefined) return {}
  return {
    askedBy: askersOf(origin).map(({ file, line, object = '' }) => ({ object, file, line })),
    ...(origin.more === undefined ? {} : { askedByMore: origin.more }),
  }
}

/** The way back, for who reads a report or its events. */
export function originFrom({ askedBy: [first, ...others] = [], askedByMore: more }: { readonly [K in keyof AskedBy]: AskedBy[K] | undefined }): { readonly origin?: Origin } {
  if (!first) return {}
  return { origin: { ...first, ...(others.length > 0 ? { others } : {}), ...(more === undefined ? {} : { more }) } }
}
