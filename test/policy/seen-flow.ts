import t from 'tap'
import { FLOW_VERDICTS } from '../../src/policy/flow-verdict.js'
import { EPHEMERAL_PORTS, isFolded, standingOf } from '../../src/policy/seen-flow.js'

await t.test('what a verdict comes to for a sender', async t => {
  t.same(
    FLOW_VERDICTS.map(verdict => [verdict, standingOf(verdict)]),
    [
      ['accept', 'admitted'],
      ['reject', 'refused'],
      ['drop', 'refused'],
      ['audit', 'admitted'],
      ['ask', 'asked'],
      ['limit', undefined],
      ['error', 'admitted'],
    ],
  )
})

await t.test('one port stands for all that a daemon picks', async t => {
  t.ok(isFolded(EPHEMERAL_PORTS.min))
  t.notOk(isFolded(EPHEMERAL_PORTS.min - 1))
  t.notOk(isFolded(EPHEMERAL_PORTS.max))
})
