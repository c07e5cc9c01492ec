import t from 'tap'
import {
  COMPARED_MAX,
  comparisonOf,
  type Compared,
} from '../../../src/control/policy/policy-comparison.js'
import { readDocuments } from '../../../src/control/policy/policy-request.js'
import type { Policy } from '../../../src/policy/policy.js'

function policy(text: string): Policy {
  const read = readDocuments([{ name: 'a.yaml', text }])
  if ('ok' in read) throw new Error(read.message)
  return read
}

/** A policy with a rule about each of these ports. */
function about(...ports: readonly number[]): Policy {
  const rules = ports.map(port => `  - { id: r${port}, accept: 'a:* -> b:${port}' }\n`)
  return policy(rules.length === 0 ? 'rules: []\n' : `rules:\n${rules.join('')}`)
}

const nothing: Compared = {
  base: 1,
  current: 4,
  revisions: [],
  between: [],
  before: about(),
  inForce: about(),
  after: about(),
}

void t.test('of each change the last revision is told that had to do with it', t => {
  const { theirs } = comparisonOf({
    ...nothing,
    between: [
      { revision: 2, policy: about(1, 2) },
      { revision: 3, policy: about(1, 3) },
    ],
    inForce: about(1, 3, 4),
  })
  t.match(theirs, {
    total: 3,
    listed: [
      { id: 'r1', revision: 2 },
      { id: 'r3', revision: 3 },
      { id: 'r4', revision: 4 },
    ],
  })
  t.end()
})

void t.test('all is counted, and only some of it named', t => {
  const many = Array.from({ length: COMPARED_MAX + 5 }, (_, i) => i)
  const theirs = about(...many)
  const yours = policy(
    `rules:\n${many.map(i => `  - { id: m${i}, drop: 'a:* -> b:${i}' }\n`).join('')}`,
  )
  const added = comparisonOf({ ...nothing, inForce: theirs, after: yours })
  t.match(added, {
    theirs: { total: many.length, listed: { length: COMPARED_MAX } },
    yours: { total: many.length, listed: { length: COMPARED_MAX } },
    conflicts: {
      total: 1,
      listed: [
        { part: 'order', theirs: { length: COMPARED_MAX }, yours: { length: COMPARED_MAX } },
      ],
    },
    isClean: false,
  })
  const changed = comparisonOf({ ...nothing, before: theirs, after: about() })
  t.match(changed, { yours: { total: many.length }, isClean: true })
  t.end()
})

void t.test('what a part says may be cut', t => {
  const names = Array.from({ length: 200 }, (_, i) => `domain${i}`)
  const { yours } = comparisonOf({ ...nothing, after: policy(`sets: { s: [${names.join()}] }\n`) })
  const [set] = yours!.listed as readonly { readonly after: string }[]
  t.match(set!.after, /^domain0, domain1, .*…$/)
  t.equal(set!.after.length, 500)
  t.end()
})
