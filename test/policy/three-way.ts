import fc from 'fast-check'
import t from 'tap'
import { mergeDocuments } from '../../src/policy/document.js'
import { diffParts } from '../../src/policy/part-change.js'
import type { Policy } from '../../src/policy/policy.js'
import { formatRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import { threeWay, type ThreeWay } from '../../src/policy/three-way.js'
import { evaluate } from '../../src/policy/verdict.js'
import { policy, smallPolicy, tuple } from './fixtures/arbitraries.js'
import { changed, ruleEdits } from './fixtures/changed-policy.js'

/** More with `V4V_POLICIES`. */
const numRuns = Number(process.env['V4V_POLICIES'] ?? 150)

function policyIn(text: string): Policy {
  const read = mergeDocuments([{ name: 'a.yaml', text }])
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const { ok: _, ...said } = read
  return said
}

/** What a policy says, without the order of what has none. */
function said({ rules, ...others }: Policy): string {
  const sorted = Object.entries(others).map(([part, items]) => [
    part,
    (items as readonly object[]).map(item => JSON.stringify(item).split('').sort().join('')).sort(),
  ])
  return JSON.stringify([rules.map(rule => [rule.id, formatRule(rule)]), sorted])
}

/** What a change came to, in the order of names. */
function changesOf(before: Policy, after: Policy): string[] {
  return diffParts(before, after)
    .map(({ part, id, ...change }) => {
      const { kind, before, after } = { before: '', after: '', ...change }
      return JSON.stringify([part, id, kind, before, after])
    })
    .sort()
}

/** The conflicts, with the sides the other way round, in no order. */
function mirrored({ conflicts }: ThreeWay): string[] {
  return conflicts.map(({ theirs, yours, ...rest }) =>
    JSON.stringify({ ...rest, theirs: yours, yours: theirs }),
  )
}

function plain({ conflicts }: ThreeWay): string[] {
  return conflicts.map(({ theirs, yours, ...rest }) => JSON.stringify({ ...rest, theirs, yours }))
}

await t.test('every part that both changed, and not alike, is named with its places', async t => {
  const base = `sets: { s: [a], same: [a] }
tags: { x: [a] }
rules:
  - { id: one, accept: 'a:* -> b:1' }
  - { id: two, accept: 'a:* -> b:2' }
tests:
  - { from: a:1, to: b:1, expect: accept }
`
  const theirs = base
    .replace("b:1' }", "b:1', replies: true }")
    .replace('s: [a]', 's: [a, b]')
    .replace('same: [a]', 'same: [c]')
    .replace("b:2' }", "b:2' }\n  - { id: new, drop: '*:* -> b:1' }")
    .replace('x: [a]', 'x: [b]')
    .replace('expect: accept', 'expect: audit')
  const yours = base
    .replace("accept: 'a:* -> b:1", "audit: 'a:* -> b:1")
    .replace('s: [a]', 's: []')
    .replace('same: [a]', 'same: [c]')
    .replace("b:2' }", "b:2' }\n  - { id: mine, accept: 'a:* -> b:1-9' }")
    .replace('tags: { x: [a] }\n', '')
    .replace('expect: accept', 'expect: audit, rule: one')
  const { conflicts, merged } = threeWay(policyIn(base), policyIn(theirs), policyIn(yours))
  t.equal(merged, undefined)
  t.match(conflicts, [
    {
      part: 'rule',
      id: 'one',
      theirs: [{ kind: 'changed', after: 'accept a:* -> b:1 replies', place: { line: 4 } }],
      yours: [{ kind: 'changed', after: 'audit a:* -> b:1', place: { line: 3 } }],
    },
    {
      part: 'set',
      id: '@s',
      theirs: [{ before: '', after: 'b' }],
      yours: [{ before: 'a', after: '' }],
    },
    { part: 'tag', id: 'tag:x', theirs: [{ kind: 'changed' }], yours: [{ kind: 'removed' }] },
    {
      part: 'test',
      id: 'a:1 -> b:1',
      theirs: [{ after: 'audit' }],
      yours: [{ after: 'audit by one' }],
    },
    { part: 'order', theirs: ['new'], yours: ['mine'] },
  ])
  t.equal(conflicts.length, 5)
})

await t.test('who changes nothing, or the same, is never in conflict', async () => {
  fc.assert(
    fc.property(changed(policy), ([base, theirs]) => {
      return [
        threeWay(base, theirs, base),
        threeWay(base, base, theirs),
        threeWay(base, theirs, theirs),
      ]
        .map(({ merged }) => merged)
        .every(merged => merged !== undefined && said(merged) === said(theirs))
    }),
    { numRuns },
  )
})

await t.test('the other way round it is the same', async () => {
  fc.assert(
    fc.property(changed(policy), ([base, theirs, yours]) => {
      const there = threeWay(base, theirs, yours)
      const back = threeWay(base, yours, theirs)
      return (
        JSON.stringify([there.theirs, there.yours]) === JSON.stringify([back.yours, back.theirs]) &&
        JSON.stringify(plain(there).sort()) === JSON.stringify(mirrored(back).sort())
      )
    }),
    { numRuns },
  )
})

await t.test('changes without a conflict come to both of them together', async () => {
  let merges = 0
  fc.assert(
    fc.property(changed(policy), ([base, theirs, yours]) => {
      const found = threeWay(base, theirs, yours)
      const { merged } = found
      if (merged === undefined) return true
      merges++
      const both = new Set([...changesOf(base, theirs), ...changesOf(base, yours)])
      const done = new Set(changesOf(base, merged))
      // Of rules that were moved another one may be said to be.
      const isSaid = (change: string): boolean => !change.includes('"moved"')
      const texts = (changes: ReadonlySet<string>): string =>
        JSON.stringify([...changes].filter(isSaid).sort())
      if (texts(both) !== texts(done)) return false
      return (
        inOrderOf(theirs, merged, placedBy(found.yours)) &&
        inOrderOf(yours, merged, placedBy(found.theirs))
      )
    }),
    { numRuns },
  )
  t.ok(merges > numRuns / 10, `${merges} of them could be merged`)
})

/** Ids of rules that a side put somewhere. */
function placedBy(changes: ThreeWay['theirs']): ReadonlySet<string> {
  return new Set(
    changes.flatMap(({ part, kind, id }) =>
      part === 'rule' && (kind === 'added' || kind === 'moved') ? id : [],
    ),
  )
}

/** Whether a merged policy has the rules of a side in its order, but for those put elsewhere. */
function inOrderOf(side: Policy, merged: Policy, elsewhere: ReadonlySet<string>): boolean {
  const idsOf = (a: Policy, b: Policy): string => {
    const known = new Set(b.rules.map(({ id }) => id))
    return JSON.stringify(
      a.rules.flatMap(({ id }) => (known.has(id) && !elsewhere.has(id) ? id : [])),
    )
  }
  return idsOf(side, merged) === idsOf(merged, side)
}

await t.test('it makes no difference to a datagram whose change came first', async () => {
  fc.assert(
    fc.property(changed(smallPolicy), fc.array(tuple), ([base, theirs, yours], tuples) => {
      const there = threeWay(base, theirs, yours).merged
      const back = threeWay(base, yours, theirs).merged
      if (there === undefined || back === undefined) return there === back
      const { sets, tags } = there
      const scope = { sets, tags, now: 0 }
      return tuples.every(asked => {
        const [a, b] = [there, back].map(({ rules }) => evaluate(rules, 0, asked, scope))
        const limits = (rule: Rule | null): string =>
          JSON.stringify([rule?.maxBytes, rule?.rate, rule?.burst, rule?.flowRate])
        return a!.action === b!.action && limits(a!.rule) === limits(b!.rule)
      })
    }),
    { numRuns },
  )
})

await t.test('what is done at different ends of a policy is never in conflict', async () => {
  fc.assert(
    fc.property(policy, ruleEdits('t'), ruleEdits('y'), fc.nat(), (base, first, second, n) => {
      const { rules } = base
      if (rules.length === 0) return true
      const middle = n % rules.length
      const [head, tail] = [rules.slice(0, middle), rules.slice(middle + 1)]
      const renamed = (all: Rule[]): Rule[] =>
        all.map(rule => (rule.id.startsWith('both-') ? { ...rule, id: `${rule.id}-y` } : rule))
      const mark = rules[middle]!
      const theirs = { ...base, rules: [...first(head), mark, ...tail] }
      const yours = { ...base, rules: [...head, mark, ...renamed(second(tail))] }
      const both = [...first(head), mark, ...renamed(second(tail))]
      // An edit may give a rule the id of one that it does not see.
      const isOnce = (all: Rule[]): boolean => new Set(all.map(({ id }) => id)).size === all.length
      if (![theirs.rules, yours.rules, both].every(isOnce)) return true
      const { merged } = threeWay(base, theirs, yours)
      return merged !== undefined && said(merged) === said({ ...base, rules: both })
    }),
    { numRuns },
  )
})
