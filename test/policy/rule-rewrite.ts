import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { rewrittenRule } from '../../src/policy/rule-rewrite.js'
import type { Rule } from '../../src/policy/rule.js'

function ruleIn(lines: string): Rule {
  const read = parsePolicyDocument(`rules:\n${lines}`, 'a.yaml')
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.rules[0]!
}

/** The lines of a rule when it says what others say. */
function rewritten(lines: string, others: string): string {
  return rewrittenRule(lines, ruleIn(lines), ruleIn(others))
}

await t.test('what says the same stays as it was written, and an id is written', async t => {
  t.equal(
    rewritten(
      '- accept: "a:* -> b:1" # way\n  rate: "5/s" # slow\n',
      '- { id: x, accept: a:* -> b:1, rate: 6/s, comment: new }\n',
    ),
    'rules:\n  - id: x\n    accept: "a:* -> b:1" # way\n    rate: 6/s # slow\n    comment: new\n',
  )
})

await t.test('the comment of what goes stands above the action', async t => {
  t.equal(
    rewritten(
      '- id: a\n  # why\n  accept: a:* -> b:1\n  # before\n  max_bytes: 5 # behind\n',
      '- { id: a, drop: a:* -> b:1 }\n',
    ),
    'rules:\n  - id: a\n    # before\n    # behind\n    # why\n    drop: a:* -> b:1\n',
  )
})

await t.test('a rule in braces gets lines of its own', async t => {
  t.equal(
    rewritten('- { id: a, accept: "a:* -> b:1" }\n', '- { id: a, accept: "a:* -> b:2" }\n'),
    'rules:\n  - id: a\n    accept: a:* -> b:2\n',
  )
})
