import { randomInt } from 'node:crypto'

/** Without vowels and look-alikes: short enough to be typed, and never a word. */
export function newId(): string {
  const letters = '23456789bcdfghjkmnpqrstvwxz'
  return Array.from({ length: 10 }, () => letters[randomInt(letters.length)]).join('')
}
