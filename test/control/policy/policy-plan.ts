import t from 'tap'
import {
  diffOf,
  planOf,
  refuseFailing,
  testReport,
} from '../../../src/control/policy/policy-plan.js'
import { readDocuments } from '../../../src/control/policy/policy-request.js'
import type { SeenFlow } from '../../../src/policy/seen-flow.js'
import type { KeptPolicy } from '../../../src/store/policy-body.js'

const around = { domains: [{ name: 'web', tags: ['front'] }], now: 1_000 }

function policy(text: string): KeptPolicy {
  const read = readDocuments([{ name: 'a.yaml', text }])
  if ('ok' in read) throw new Error(read.message)
  return read
}

const before = policy('rules:\n  - { id: a, accept: "web:* -> db:1" }\n')
const flow: SeenFlow = {
  source: 'web',
  sourcePort: 9,
  destination: 'db',
  destinationPort: 1,
  type: 'dgram',
  effect: 'accept',
  rule: 'a',
  datagrams: 7,
  bytes: 70,
  firstAt: 1,
  lastAt: 2,
}

void t.test('the same on other lines is no change', t => {
  const same = policy('# a comment\nrules:\n\n  - { id: a, accept: "web:* -> db:1" }\n')
  t.match(planOf(3, before, same, [flow], around), {
    status: 'none',
    revision: 3,
    rules: { listed: [] },
    decisions: { listed: [] },
    flows: { flows: 1, newlyRefused: { flows: 0 } },
  })
  t.end()
})

void t.test('what would change is told by rule, by decision and by flow', t => {
  const after = policy(
    'sets: { s: [web] }\ntags: { front: [db] }\nrules:\n  - { id: b, accept: "tag:front:* -> db:2" }\n',
  )
  t.match(
    planOf(3, before, after, [flow, { ...flow, destinationPort: 2, effect: 'reject' }], around),
    {
      status: 'changes',
      rules: { added: 1, removed: 1, changed: 0, moved: 0 },
      setsChanged: true,
      tagsChanged: true,
      testsChanged: false,
      flows: {
        newlyRefused: { flows: 1, datagrams: 7, listed: [{ after: { rule: 'default' } }] },
        newlyAdmitted: { flows: 1, listed: [{ after: { rule: 'b' } }] },
      },
    },
  )
  const { decisions } = diffOf(before, after, around)
  t.ok(decisions.admitted > 0)
  t.ok(decisions.refused > 0)
  t.end()
})

void t.test('a test that fails is named with its place and with what decided', t => {
  const after = policy(
    'rules:\n  - { id: a, accept: "web:* -> db:1" }\ntests:\n  - { from: "web:1", to: "db:1", expect: drop }\n',
  )
  const report = testReport(after, around)
  t.match(report, {
    run: 1,
    failed: 1,
    failures: [{ file: 'a.yaml', line: 4, message: /expected drop, but it is accept by rule a/ }],
  })
  t.match(refuseFailing(report), {
    ok: false,
    code: 'EINVAL',
    message: /^1 of the 1 tests of the policy fails: a\.yaml:4: /,
    details: [{ line: 4 }],
  })
  t.equal(planOf(1, before, after, [], around).status, 'refused')
  t.equal(refuseFailing(testReport(before, around)), undefined)
  t.end()
})
