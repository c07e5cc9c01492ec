import t from 'tap'
import {
  insertRule,
  removeRule,
  replacePolicy,
  unknownRule,
  updateRule,
} from '../../../src/control/policy/policy-edit.js'
import { readDocuments } from '../../../src/control/policy/policy-request.js'
import { EMPTY_POLICY } from '../../../src/store/policy-body.js'
import { policyOf, testRule } from '../../store/fixtures/rules.js'

const context = { nameOf: () => undefined, now: 0, rulesMax: 4, lastRuleNumber: 7 }
const policy = { ...policyOf('a', 'b', 'c'), documents: [{ name: 'x.yaml', text: '' }] }

interface Outcome {
  readonly ok: boolean
  readonly code?: string
  readonly policy?: { readonly rules: readonly { readonly id: string }[] }
}

function ids(outcome: Outcome): string {
  return outcome.policy?.rules.map(({ id }) => id).join('') ?? outcome.code ?? ''
}

void t.test('a rule is added where it is wanted, and gets the next number', t => {
  t.equal(ids(insertRule(policy, { ...testRule, id: 'x' }, undefined, context)), 'abcx')
  t.equal(ids(insertRule(policy, { ...testRule, id: 'x' }, 1, context)), 'xabc')
  t.match(insertRule(policy, testRule, 2, context), { id: 'r8', lastRuleNumber: 8 })
  t.match(insertRule(policy, { ...testRule, id: 'r3' }, 2, context), { lastRuleNumber: 7 })
  t.match(insertRule(policy, { ...testRule, id: 'r99' }, 2, context), {
    lastRuleNumber: 99,
    policy: { documents: [] },
  })
  t.equal(ids(insertRule(policy, { ...testRule, id: 'a' }, 1, context)), 'EEXIST')
  for (const id of ['A', 'default', 'r9999999999999999']) {
    t.equal(ids(insertRule(policy, { ...testRule, id }, 1, context)), 'EINVAL', id)
  }
  for (const position of [0, 5, 1.5]) {
    t.equal(ids(insertRule(policy, testRule, position, context)), 'EINVAL')
  }
  t.equal(ids(insertRule(policy, testRule, 1, { ...context, rulesMax: 3 })), 'ENOSPC')
  t.end()
})

void t.test('a rule is changed and moved', t => {
  t.match(updateRule(policy, 'b', { comment: 'x' }, undefined, context), {
    policy: { rules: [{}, { id: 'b', comment: 'x' }, {}] },
  })
  t.equal(ids(updateRule(policy, 'a', {}, 3, context)), 'bca')
  t.equal(ids(updateRule(policy, 'c', { comment: 'x' }, 1, context)), 'cab')
  t.equal(ids(updateRule(policy, 'c', {}, 4, context)), 'EINVAL')
  t.equal(ids(updateRule(policy, 'c', {}, undefined, context)), 'EINVAL')
  t.equal(ids(updateRule(policy, 'c', { action: 'drop' }, 1, context)), 'EINVAL', 'it has replies')
  t.equal(ids(updateRule(policy, 'c', { source: 'x' }, 1, context)), 'EINVAL')
  t.equal(ids(updateRule(policy, 'x', {}, 1, context)), 'ENOENT')
  t.end()
})

void t.test('the documents follow, where they say what the rules say', t => {
  const text = '# c\nrules:\n  - id: a\n    accept: a:* -> b:1 # why\n'
  const read = readDocuments([{ name: 'x.yaml', text }])
  if ('ok' in read) throw new Error(read.message)
  const { documents, rules } = read
  t.equal(rules.length, 1)
  const added = insertRule(read, testRule, 1, context)
  const moved = added.ok ? updateRule(added.policy, 'r8', {}, 2, context) : added
  const removed = moved.ok ? removeRule(moved.policy, 'r8', context) : moved
  if (!removed.ok || !moved.ok) throw new Error('refused')
  t.match(moved.policy.documents[0]!.text, /^# c\nrules:\n {2}- id: a\n.*# why\n {2}- id: r8\n/)
  t.strictSame(removed.policy.documents, documents)
  t.end()
})

void t.test('a rule is removed', t => {
  t.equal(ids(removeRule(policy, 'b', context)), 'ac')
  t.equal(ids(removeRule(policy, 'x', context)), 'ENOENT')
  t.match(unknownRule('x'), { code: 'ENOENT', message: /"x"/ })
  t.end()
})

void t.test('a whole policy is taken or refused as a whole', t => {
  const rules = [testRule, testRule, { ...testRule, id: 'r12' }]
  const taken = replacePolicy({ ...EMPTY_POLICY, rules }, context)
  t.match(taken, { ok: true, lastRuleNumber: 12 })
  t.same(taken, replacePolicy({ ...EMPTY_POLICY, rules }, context), 'the same ids each time')
  const refused = (...list: Parameters<typeof replacePolicy>[0]['rules'][number][]): string =>
    ids(replacePolicy({ ...EMPTY_POLICY, rules: list }, context))
  t.equal(refused({ ...testRule, id: 'a' }, { ...testRule, id: 'a' }), 'EEXIST')
  t.equal(refused({ ...testRule, id: 'A' }), 'EINVAL')
  t.equal(refused(testRule, testRule, testRule, testRule, testRule), 'ENOSPC')
  t.end()
})
