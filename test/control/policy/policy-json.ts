import t from 'tap'
import { documentsOf, policyJson } from '../../../src/control/policy/policy-json.js'
import { readDocuments, readPolicyRequest } from '../../../src/control/policy/policy-request.js'
import type { KeptPolicy } from '../../../src/store/policy-body.js'

const text = `# why
sets:
  guests: [web, "tag:lab:80"]
tags:
  lab: [web]
rules:
  - id: a
    accept: "@guests:* -> db:1"
    rate: 5/s
tests:
  - { from: "web:1", to: "db:1", expect: accept, type: stream, bytes: 3, rule: a }
  - { from: "tag:x:1", to: "db:2", expect: reject }
`

function policy(): KeptPolicy {
  const read = readDocuments([{ name: 'a.yaml', text }])
  if ('ok' in read) throw new Error(read.message)
  return read
}

void t.test('a policy as JSON is read back as the same policy', t => {
  const json = policyJson(policy())
  const read = readPolicyRequest(Buffer.from(JSON.stringify(json)), {
    nameOf: () => undefined,
    now: 0,
  })
  if (!read.ok) throw new Error(read.message)
  t.same(policyJson({ ...read.policy, rules: read.policy.rules as KeptPolicy['rules'] }), json)
  t.match(json, { rules: [{ id: 'a', rate: '5/s' }], tests: [{ rule: 'a' }, { to: 'db:2' }] })
  t.end()
})

void t.test('documents are given back as they were, or written anew', t => {
  t.same(documentsOf(policy()), [{ name: 'a.yaml', text }])
  const [written] = documentsOf({ ...policy(), documents: [] })
  const again = readDocuments([written!])
  t.same(policyJson(again as KeptPolicy), policyJson(policy()))
  t.end()
})
