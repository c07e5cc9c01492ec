import t from 'tap'
import { FLOW_VERDICTS } from '../../src/policy/flow-verdict.js'
import { ACTIONS } from '../../src/policy/rule.js'

await t.test('what becomes of datagrams is what rules say, and two things more', async t => {
  t.same(FLOW_VERDICTS, [...ACTIONS, 'limit', 'error'])
})
