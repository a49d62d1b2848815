import { describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'

describe('readConfig', () => {
  test('takes proxies, the lower-case names first', () => {
    expect(readConfig({ HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:1', HTTP_PROXY: '', NO_PROXY: 'localhost' }).proxy)
      .toEqual({ https: 'http://lower:1', no: 'localhost' })
  })
  test('knows no proxy where there is none, whatever NO_PROXY says', () => {
    expect(readConfig({ NO_PROXY: '*' })).not.toHaveProperty('proxy')
  })
  test('takes the home directory of the environment', () => { expect(readConfig({ HOME: '/somewhere' }).home).toBe('/somewhere') })
  test('an empty HOME is none', () => { expect(readConfig({ HOME: '' }).home).not.toBe('') })
  test.each([['dumb', true], ['xterm-256color', false]])('TERM=%s: dumb is %s', (TERM, dumb) => { expect(readConfig({ TERM }).dumbTerminal).toBe(dumb) })
})
