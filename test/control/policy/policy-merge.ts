import t from 'tap'
import { mergeWith } from '../../../src/control/policy/policy-merge.js'
import { readDocuments } from '../../../src/control/policy/policy-request.js'
import { SET_ELEMENTS_MAX } from '../../../src/policy/membership.js'
import type { KeptPolicy } from '../../../src/store/policy-body.js'

function policy(text: string): KeptPolicy {
  const read = readDocuments([{ name: 'a.yaml', text }])
  if ('ok' in read) throw new Error(read.message)
  return read
}

const base =
  'rules:\n  # one\n  - { id: a, drop: "a:* -> b:1" }\n  - { id: b, drop: "a:* -> b:2" }\n'
const theirs = policy(base.replace('drop: "a:* -> b:2"', 'accept: "a:* -> b:2"'))
const yours = policy(base.replace('b:1', 'b:9').replace('one', 'nine'))

void t.test('both are had in the documents of the change, or by rules alone', t => {
  const merged = mergeWith(yours, theirs, policy(base))
  t.match(merged, {
    rules: [
      { id: 'a', destination: { ports: { min: 9 } } },
      { id: 'b', action: 'accept' },
    ],
    documents: [{ text: /^rules:\n {2}# nine\n[^]*id: b\n {4}accept: "a:\* -> b:2"\n$/ }],
  })
  const bare = mergeWith({ ...yours, documents: [] }, theirs, policy(base)) as KeptPolicy
  t.match(bare, { rules: [{ id: 'a' }, { action: 'accept' }], documents: [] })
  t.ok(bare.rules.every(({ place }) => place === undefined))
  t.end()
})

void t.test('why both can not be had is said', t => {
  const rival = policy(base.replace('b:1', 'b:8'))
  t.equal(mergeWith(yours, rival, policy(base)), 'there is 1 conflict')
  const rivals = policy(base.replace('b:1', 'b:8').replace('b:2', 'b:3'))
  const mine = policy(base.replace('b:1', 'b:9').replace('b:2', 'b:4'))
  t.equal(mergeWith(mine, rivals, policy(base)), 'there are 2 conflicts')
  const element = { kind: 'name', name: 'd', ports: { min: 0, max: 1 } } as const
  const having = (name: string, elements: number): KeptPolicy => ({
    ...policy(base),
    sets: [{ name, elements: Array.from({ length: elements }, () => element) }],
    documents: [],
  })
  const [first, second] = ['s', 't'].map(name => having(name, SET_ELEMENTS_MAX))
  t.match(mergeWith(first!, second!, policy(base)), /elements in all sets are more than the limit/)
  const odd = having('no name of a set', 1)
  t.equal(mergeWith(policy(base), odd, policy(base)), 'it can not be written into these files')
  t.end()
})
