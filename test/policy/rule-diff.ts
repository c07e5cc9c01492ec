import fc from 'fast-check'
import t from 'tap'
import { diffRules } from '../../src/policy/rule-diff.js'
import { formatRule, parseRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import { rules } from './fixtures/arbitraries.js'

function rule(id: string, text = 'accept a:1 -> b:2'): Rule {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return { id, ...parsed.rule }
}

await t.test('rules are known by their ids', async t => {
  const before = [rule('a'), rule('b'), rule('c'), rule('d')]
  const after = [
    rule('d'),
    rule('a'),
    rule('new', 'drop *:* -> *:*'),
    rule('c', 'accept a:1 -> b:3'),
  ]
  t.same(diffRules(before, after), [
    { kind: 'removed', id: 'b', position: 2, before: 'accept a:1 -> b:2' },
    { kind: 'moved', id: 'd', from: 4, position: 1 },
    { kind: 'added', id: 'new', position: 3, after: 'drop *:* -> *:*' },
    {
      kind: 'changed',
      id: 'c',
      position: 4,
      before: 'accept a:1 -> b:2',
      after: 'accept a:1 -> b:3',
    },
  ])
  t.same(diffRules(before, before), [])
  t.same(diffRules([], []), [])
})

await t.test('the changes lead from one list to the other', async () => {
  fc.assert(
    fc.property(rules, rules, fc.nat(), (first, second, n) => {
      const before = first
      const after = [...second, ...first.slice(n % (first.length + 1))].filter(
        (each, index, all) => all.findIndex(({ id }) => id === each.id) === index,
      )
      const changes = diffRules(before, after)
      const ids = (kind: string): string[] =>
        changes.filter(each => each.kind === kind).map(({ id }) => id)
      const gone = new Set([...ids('removed'), ...ids('moved')])
      const come = new Set([...ids('added'), ...ids('moved')])
      const text = new Map(before.map(each => [each.id, formatRule(each)]))
      for (const change of changes) {
        if (change.kind === 'added' || change.kind === 'changed') text.set(change.id, change.after)
      }
      // Without those that moved, the others are in the same order; and all say what they should.
      return (
        JSON.stringify(before.filter(({ id }) => !gone.has(id)).map(({ id }) => id)) ===
          JSON.stringify(after.filter(({ id }) => !come.has(id)).map(({ id }) => id)) &&
        after.every(each => text.get(each.id) === formatRule(each))
      )
    }),
  )
})
