import t from 'tap'
import { indexNames } from '../../src/policy/name-index.js'
import { RuleList, ruleTexts } from '../../src/policy/rule-list.js'
import type { Rule } from '../../src/policy/rule.js'
import { rulesOf } from './fixtures/rules.js'

const rules: readonly Rule[] = [
  ...rulesOf('accept web:* -> db:1 replies', 'drop @s:1-2 -> *:* type stream'),
  { ...rulesOf('reject *:* -> *:*')[0]!, id: 'last', comment: 'caf\u00e9 \u2615' },
]

function asTexts(): RuleList {
  const ids = indexNames(rules.map(({ id }) => id))
  const jsons = rules.map(rule => JSON.stringify(rule))
  return new RuleList(structuredClone(ruleTexts(ids, jsons)))
}

for (const [what, list] of [
  ['rules', new RuleList(rules)],
  ['texts', asTexts()],
] as const) {
  await t.test(`a list of ${what} has each rule at its index and by its id`, async t => {
    t.equal(list.length, 3)
    for (const [index, rule] of rules.entries()) {
      t.equal(list.idAt(index), rule.id)
      t.equal(list.indexOf(rule.id), index)
      t.same(list.peek(index), rule)
      t.same(list.at(index), rule)
      t.equal(list.at(index), list.peek(index), 'the same object')
    }
    t.equal(list.indexOf('none'), -1)
    t.same(list.all(), rules)
    t.equal(list.all()[1], list.at(1))
  })
}

await t.test('what is only looked at is not kept', async t => {
  const list = asTexts()
  t.not(list.peek(0), list.peek(0))
})
