import t from 'tap'
import fc from 'fast-check'
import { formatDecisionId, parseDecisionId } from '../../src/abi/decision-id.js'

await t.test('a decision is written as d- and hexadecimal', async t => {
  t.equal(formatDecisionId(0), 'd-0')
  t.equal(formatDecisionId(31), 'd-1f')
  t.equal(formatDecisionId(Number.MAX_SAFE_INTEGER), 'd-1fffffffffffff')
})

await t.test('what is written is read', async t => {
  fc.assert(fc.property(fc.maxSafeNat(), id => parseDecisionId(formatDecisionId(id)) === id))
  t.pass('100 numbers')
})

await t.test('anything else is not a decision', async t => {
  for (const text of [
    '',
    'd-',
    '1f',
    'd-1F',
    'd-01',
    'd-g',
    'd-20000000000000',
    'd-123456789abcdef',
    'd-1\n',
  ]) {
    t.equal(parseDecisionId(text), undefined, JSON.stringify(text))
  }
})
