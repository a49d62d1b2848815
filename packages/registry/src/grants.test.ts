import { describe, expect, test } from 'vitest'
import { mayPush } from './grants.ts'

const bearer = (claims: unknown): string => `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
const access = (actions: readonly string[] | null, name = 'team/app'): unknown => ({ access: [{ type: 'repository', name, actions }] })

describe('whether a token allows to push', () => {
  test.each([
    ['pull and push', bearer(access(['pull', 'push'])), true],
    ['everything', bearer(access(['*'])), true],
    ['pull', bearer(access(['pull'])), false],
    ['nothing', bearer(access([])), false],
    ['nothing, as Go writes it', bearer(access(null)), false],
    ['no access at all', bearer({ access: null }), false],
    ['another repository', bearer(access(['push'], 'team/other')), false],
    ['a token without that claim', bearer({ sub: 'me' }), undefined],
    ['an opaque token', 'Bearer abcdef', undefined],
    ['credentials', 'Basic dTpw', undefined],
    ['no header', undefined, undefined],
  ])('%s', (_, header, expected) => { expect(mayPush(header, 'team/app')).toBe(expected) })
})
