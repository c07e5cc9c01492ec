import fc from 'fast-check'
import t from 'tap'
import { restPath } from '../../src/cli/rest-path.js'

await t.test('words become one path, and no other words the same', async t => {
  t.equal(restPath('rules', 'r1', 'zero'), '/v1/rules/r1/zero')
  t.equal(restPath('domains', 'a/b?c#d%2e'), '/v1/domains/a%2Fb%3Fc%23d%252e')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), word => {
      if (word === '.' || word === '..') return
      const { pathname, search, hash } = new URL(restPath('rules', word), 'http://daemon')
      t.equal(pathname.split('/').length, 4)
      t.equal(decodeURIComponent(pathname.slice('/v1/rules/'.length)), word)
      t.equal(search + hash, '')
    }),
  )
})

await t.test(
  'a word that a reader of URLs drops is refused, and nothing else is asked',
  async t => {
    for (const word of ['', '.', '..']) {
      t.throws(() => restPath('rules', word, 'zero'), { message: /is not the name/ }, word)
    }
  },
)
