import t from 'tap'
import { parseRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import { evaluate } from '../../src/policy/verdict.js'

const web = { name: 'web', tags: [] }
const db = { name: 'db', tags: [] }
const tuple = {
  source: web,
  sourcePort: 7,
  destination: db,
  destinationPort: 5432,
  type: 'dgram',
} as const

function rules(...texts: string[]): Rule[] {
  return texts.map((text, index) => {
    const parsed = parseRule(text)
    if (!parsed.ok) throw new Error(parsed.message)
    return { id: `r${index + 1}`, ...parsed.rule }
  })
}

await t.test('what no rule matches is rejected by default', async t => {
  const none = { action: 'reject', rule: null, position: 0, revision: 3 }
  t.same(evaluate([], 3, tuple), none)
  t.same(evaluate(rules('accept db:* -> web:*'), 3, tuple), none)
})

await t.test('the first rule that matches decides, and the verdict names it', async t => {
  const table = rules(
    'accept web:* -> db:1-99',
    'drop web:* -> db:5432',
    'accept web:* -> db:5432',
    'reject *:* -> *:*',
  )
  t.same(evaluate(table, 9, tuple), { action: 'drop', rule: table[1], position: 2, revision: 9 })
  t.same(evaluate(table, 9, { ...tuple, destinationPort: 99 }), {
    action: 'accept',
    rule: table[0],
    position: 1,
    revision: 9,
  })
  t.same(evaluate(table, 9, { ...tuple, destinationPort: 100 }), {
    action: 'reject',
    rule: table[3],
    position: 4,
    revision: 9,
  })
})
