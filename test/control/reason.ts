import t from 'tap'
import { reasonProblem } from '../../src/control/reason.js'

await t.test('a reason is one line of text that looks like what it is', async t => {
  for (const reason of ['', 'Gäste dürfen', 'ticket #7: "why"']) {
    t.equal(reasonProblem(reason), undefined, reason)
  }
  for (const code of [0x0a, 0x1b, 0x2028, 0x202e, 0xd800]) {
    const reason = `a${String.fromCharCode(code)}b`
    t.match(reasonProblem(reason), /one line of text/, `with ${code}`)
  }
})
