import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { LineList } from '../../src/policy/line-list.js'
import {
  findRule,
  indented,
  onlyRuleLines,
  ruleDocument,
  startsWithId,
} from '../../src/policy/rule-lines.js'
import type { Rule } from '../../src/policy/rule.js'

/** The lines that are found of a rule, with what stands right above them. */
function found(text: string, index = 0): string | undefined {
  const read = parsePolicyDocument(text, 'a.yaml')
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return foundAs(text, read.rules[index]!)
}

function foundAs(text: string, rule: Rule): string | undefined {
  const lines = new LineList(text)
  const found = findRule(lines, lines.at(rule.place!.line)!, rule)
  return found && lines.text(found.top, found.end)
}

const a = '- id: a\n  drop: a:* -> b:*\n'
const b = '- id: b\n  drop: b:* -> b:*\n'

await t.test('the lines of a rule are found, and the comment right above', async t => {
  t.equal(found(`rules:\n${a}${b}`), a)
  t.equal(found(`rules:\n${a}${b}`, 1), b)
  t.equal(found(`rules:\n# of the list\n\n# of a\n${a}\n# of b\n${b}`), `# of a\n${a}`)
  t.equal(found(`rules:\n${a}\n  # of a\n\n# of b\n${b}`), `${a}\n  # of a\n`)
  t.equal(found(`rules:\n${a}# of b\n${b.trimEnd()}`, 1), `# of b\n${b.trimEnd()}`)
  t.equal(found(`rules:\n  - { id: a,\n      drop: a:* -> b:* } # x`)?.split('\n').length, 2)
  t.equal(found(`rules:\r\n# a\r\n- drop: a:* -> b:*\r\n`), '# a\r\n- drop: a:* -> b:*\r\n')
})

await t.test('what does not say what the rule says is not taken for it', async t => {
  t.equal(found('rules: [{ drop: a:* -> b:* }, { drop: a:* -> b:* }]'), undefined)
  t.equal(found('rules:\n-\n  drop: a:* -> b:*\n'), undefined)
  t.equal(found('rules:\n- drop: a:* -> b:*\n# why\n  comment: x\n'), undefined)
  t.equal(found('rules:\n- { drop: a:* -> b:*,\n# why\n  comment: x }\n'), undefined)
  const { rules } = parsePolicyDocument(`rules:\n${a}${b}`, 'a.yaml') as {
    readonly ok: true
    readonly rules: readonly Rule[]
  }
  for (const text of [`rules:\n${b}`, `rules:\n${a.replace('id: a', 'id: c')}`]) {
    t.equal(foundAs(text, rules[0]!), undefined)
  }
})

await t.test('lines are moved to the right or the left', async t => {
  t.equal(indented('  - a\n\n    b\n', 2, 4), '    - a\n\n      b\n')
  t.equal(indented('  - a\n    b\n', 2, 0), '- a\n  b\n')
  t.equal(indented('x', 2, 2), 'x')
  t.equal(onlyRuleLines('rules:\n  - a\n', 2), '  - a\n')
  t.equal(ruleDocument(a).map.get('id'), 'a')
})

await t.test('an id is seen on the first line where it comes first', async t => {
  const isFirst = (text: string): boolean => startsWithId(new LineList(text).at(1)!)
  for (const text of ['- id: a', '  -  id:\ta', '- {id: a,', '- { id: a }']) t.ok(isFirst(text))
  for (const text of ['- drop: x', '- "id": a', '- id', '- ids: a', '  id: a'])
    t.notOk(isFirst(text))
})
