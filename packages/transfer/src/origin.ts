// Where an image was asked for: a line of a list, or an object of a cluster. Plain data, because it travels as JSON.

export interface Asker {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** The Kubernetes object that names the image: `Deployment shop/web`. */
  readonly object?: string
}

/** The first that asked; of objects that ask for the same image, some are named and the rest are counted. */
export interface Origin extends Asker {
  readonly others?: readonly Asker[]
  /** How many there are besides `others`. */
  readonly more?: number
}

/** Of the askers of an image, so many are kept: a hundred replicas say no more than the first ones. */
export const keptAskers = 5

/** @param askers in the order in which they came, at least one */
export function originOf(askers: readonly [Asker, ...Asker[]]): Origin {
  const [first, ...rest] = askers
  const others = rest.slice(0, keptAskers - 1)
  return { ...first, ...(others.length > 0 ? { others } : {}), ...(rest.length > others.length ? { more: rest.length - others.length } : {}) }
}

/** Those that are named, without their count. */
export function askersOf({ file, line, object, others = [] }: Origin): readonly Asker[] {
  return [{ file, line, ...(object === undefined ? {} : { object }) }, ...others]
}

/** `Deployment shop/web and 3 more`; empty where no object asked. */
export function describeAskers(origin: Origin | undefined): string {
  if (origin?.object === undefined) return ''
  const more = (origin.others?.length ?? 0) + (origin.more ?? 0)
  return more === 0 ? origin.object : `${origin.object} and ${more} more`
}

/** For what is told of an image: its origin where objects asked for it; a line of a list would say nothing new. */
export function objectsOf({ origin }: { readonly origin?: Origin }): { readonly origin?: Origin } {
  return origin?.object === undefined ? {} : { origin }
}
