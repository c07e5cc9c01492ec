import t from 'tap'
import { makePolicy } from '../../../src/control/policy/made-policy.js'
import { BODY_FORMAT, encodePolicy } from '../../../src/store/policy-body.js'
import { policyOf } from '../../store/fixtures/rules.js'

const before = policyOf('a', 'b')
const context = { nameOf: () => undefined, now: 0, rulesMax: 4, lastRuleNumber: 7 }
const rule = { action: 'accept', source: 'web:*', destination: 'db:1' } as const

function ids(edit: Parameters<typeof makePolicy>[0]): readonly string[] | string {
  const made = makePolicy(edit, before, context)
  return made.ok ? made.policy.rules.map(({ id }) => id) : made.code
}

void t.test('each kind of edit makes another policy', t => {
  const bytes = Buffer.from(JSON.stringify({ rules: [{ id: 'x', ...rule }], reason: 'why' }))
  t.match(makePolicy({ kind: 'request', bytes }, before, context), { ok: true, reason: 'why' })
  t.same(ids({ kind: 'request', bytes }), ['x'])
  t.same(ids({ kind: 'insert', rule, position: 1 }), ['r8', 'a', 'b'])
  t.same(ids({ kind: 'update', id: 'b', patch: {}, position: 1 }), ['b', 'a'])
  t.same(ids({ kind: 'remove', id: 'a' }), ['b'])
  const body = encodePolicy(policyOf('old'))
  t.same(ids({ kind: 'restore', format: BODY_FORMAT, body }), ['old'])
  t.end()
})

void t.test('what can not be made is refused', t => {
  t.equal(ids({ kind: 'request', bytes: Buffer.from('{') }), 'EINVAL')
  t.equal(ids({ kind: 'insert', rule: { ...rule, source: '?' }, position: 1 }), 'EINVAL')
  t.equal(ids({ kind: 'update', id: 'z', patch: {}, position: 1 }), 'ENOENT')
  t.equal(ids({ kind: 'remove', id: 'z' }), 'ENOENT')
  t.equal(ids({ kind: 'restore', format: BODY_FORMAT, body: Buffer.from('x') }), 'EINVAL')
  t.end()
})
