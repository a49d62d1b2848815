declare const brand: unique symbol
/** A string that only its parser can make. */
export type Brand<T, B extends string> = T & { readonly [brand]: B }
