import { expect, test } from 'vitest'
import { maxTokens, TokenCache } from './token-cache.ts'

function tokenUntil(staleAtMs: number) { return { header: `Bearer ${staleAtMs}`, staleAtMs } }

test('what has expired goes when another comes, what is good stays', () => {
  const cache = new TokenCache()
  for (let i = 0; i < 100; i++) cache.set(`repository:a${i}:pull`, tokenUntil(1000 + i), 0)
  expect(cache.size).toBe(100)
  // Renewed: no longer among the oldest.
  cache.set('repository:a0:pull', tokenUntil(5000), 900)
  cache.set('repository:b:pull', tokenUntil(6000), 1098)
  expect(cache.size).toBe(3)
  expect(['a0', 'a98', 'a99', 'b'].map((name) => cache.get(`repository:${name}:pull`)?.staleAtMs)).toEqual([5000, undefined, 1099, 6000])
})

test('there are never more than the bound: the oldest goes', () => {
  const cache = new TokenCache()
  for (let i = 0; i <= maxTokens; i++) cache.set(`repository:a${i}:pull`, tokenUntil(1_000_000), 0)
  expect(cache.size).toBe(maxTokens)
  expect(cache.get('repository:a0:pull')).toBeUndefined()
  expect(cache.get(`repository:a${maxTokens}:pull`)).toBeDefined()
})
