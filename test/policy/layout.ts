import t from 'tap'
import { laidOut, syntaxOf } from '../../src/policy/layout.js'

await t.test('comments stay, and lines end in one way and are never folded', async t => {
  const text = '\ufeffrules: # all\r\n- {drop: "*:* -> b:1"} # one\r\n\r\n# end\r\n'
  t.equal(laidOut(syntaxOf(text)), `rules:\n  # all\n  - { drop: "*:* -> b:1" } # one\n\n# end\n`)
  t.equal(laidOut(syntaxOf("a: 'x y'")), "a: 'x y'\n")
  t.equal(laidOut(syntaxOf(`a: ${'x '.repeat(200)}`)), `a: ${'x '.repeat(200).trim()}\n`)
})
