import fc from 'fast-check'
import t from 'tap'
import { findCovered } from '../../src/policy/lint-cover.js'
import { parseRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import { parseSetElement } from '../../src/policy/set-element.js'
import type { PolicySet, PolicyTag } from '../../src/policy/policy.js'
import { smallPolicy, tuple } from './fixtures/arbitraries.js'
import { verdictOn } from './fixtures/tried-out.js'

function rules(...texts: string[]): Rule[] {
  return texts.map((text, index) => {
    const parsed = parseRule(text)
    if (!parsed.ok) throw new Error(parsed.message)
    return { id: `r${index + 1}`, ...parsed.rule }
  })
}

function set(name: string, ...texts: string[]): PolicySet {
  const elements = texts.map(text => {
    const element = parseSetElement(text)
    if (typeof element === 'string') throw new Error(element)
    return element
  })
  return { name, elements }
}

/** What is found, such as `r2 shadowed r1`. */
function found(
  list: readonly Rule[],
  sets: readonly PolicySet[] = [],
  tags: readonly PolicyTag[] = [],
): string[] {
  const covered = findCovered({ rules: list, sets, tags }, [], 0)
  return [...covered].map(([{ id }, { code, by }]) => `${id} ${code} ${by.join('+')}`)
}

await t.test('a rule that some earlier ones leave nothing of is found', async t => {
  const cases: [string[], string[]][] = [
    [['drop a:* -> b:*', 'accept a:1 -> b:2'], ['r2 shadowed r1']],
    [['drop *:* -> b:*', 'accept tag:x:1 -> b:2'], ['r2 shadowed r1']],
    [['drop a:* -> b:1-5', 'drop a:* -> b:6-9', 'accept a:* -> b:2-8'], ['r3 unreachable r1+r2']],
    [
      ['drop a:* -> b:* type dgram', 'drop a:* -> b:* type stream', 'accept a:1 -> b:1'],
      ['r3 unreachable r1+r2'],
    ],
    [['accept a:1 -> b:2', 'accept a:1 -> b:2  # again'], ['r2 duplicate r1']],
    [['accept a:1 -> b:2', 'accept a:1 -> b:2 replies'], []],
    [['accept a:1 -> b:2 replies', 'accept b:2 -> a:1'], ['r2 shadowed r1']],
    [
      ['accept a:1 -> b:2', 'accept b:2 -> a:1', 'accept a:1 -> b:2 replies'],
      ['r3 unreachable r1+r2'],
    ],
    [['drop *:* -> *:*', 'accept a:1 -> control:7'], []],
    [['drop tag:x:* -> b:*', 'accept a:1 -> b:2'], []],
    [['accept a:* -> b:* expires 2026-11-20T12:00:00Z', 'accept a:1 -> b:1'], []],
    [['accept a:* -> b:*', 'accept a:1 -> b:1 expires 2026-11-20T12:00:00Z'], ['r2 shadowed r1']],
    [['accept a:1 -> b:*', 'accept a:* -> b:1 expires 2026-11-20T12:00:00Z'], []],
    [['accept a:* -> b:*', 'drop a:1 -> b:1 expires 1970-01-01T00:00:00Z'], []],
    [['drop a:1 -> b:2', 'accept a:* -> b:*'], []],
    [['drop a:1 -> b:2-9', 'accept a:* -> b:5-20'], ['r2 overlap r1']],
    [['drop *:* -> b:5', 'accept a:* -> b:*'], []],
    [['drop a:* -> *:5', 'accept a:* -> b:*'], []],
    [['accept *:* -> b:5', 'drop a:* -> b:*'], ['r2 overlap r1']],
    [['drop a:* -> b:* type dgram', 'accept a:* -> b:1'], ['r2 overlap r1']],
    [['drop a:* -> b:*', 'accept a:* -> b:1 type dgram'], ['r2 shadowed r1']],
    [['accept a:* -> b:1-9', 'drop a:* -> b:5-9', 'accept a:1 -> b:5-20'], ['r2 shadowed r1']],
    [['drop tag:x:* -> *:*', 'accept tag:y:* -> b:1'], []],
  ]
  for (const [texts, expected] of cases) t.same(found(rules(...texts)), expected, texts.join(', '))
})

await t.test('sets and tags that the policy gives are seen through', async t => {
  const sets = [set('s', 'a', 'tag:x:1-9'), set('empty')]
  const tags = [{ tag: 'x', domains: ['c'] }]
  const cases: [string[], string[]][] = [
    [['drop @s:* -> b:*', 'accept a:1 -> b:2'], ['r2 shadowed r1']],
    [['drop @s:* -> b:*', 'accept tag:x:1 -> b:2'], ['r2 shadowed r1']],
    [['drop @s:* -> b:*', 'accept tag:x:10 -> b:2'], []],
    [['drop @s:* -> b:*', 'accept c:1 -> b:2'], ['r2 shadowed r1']],
    [['drop tag:x:* -> b:*', 'accept c:1 -> b:2'], ['r2 shadowed r1']],
    [['drop a:* -> b:*', 'drop tag:x:* -> b:*', 'accept @s:* -> b:2'], ['r3 unreachable r1+r2']],
    [['drop a:* -> b:*', 'accept @s:* -> b:2'], ['r2 overlap r1']],
    [['drop a:* -> b:2', 'accept @s:* -> b:2'], []],
    [['drop *:* -> b:*', 'accept @empty:* -> b:2'], []],
    [['drop *:* -> b:*', 'accept @none:* -> b:2'], []],
    [['drop *:* -> b:*', 'accept @s:5 -> b:2'], ['r2 shadowed r1']],
  ]
  for (const [texts, expected] of cases) {
    t.same(found(rules(...texts), sets, tags), expected, texts.join(', '))
  }
})

await t.test('what leaves a set some day does not stand in the way of what stays', async t => {
  const until = 'expires 2026-11-20T12:00:00Z'
  const sets = [set('s', `a ${until}`), set('old', 'a expires 1970-01-01T00:00:00Z', 'c')]
  const cases: [string[], string[]][] = [
    [['accept @s:* -> b:1', 'accept a:* -> b:1'], []],
    [['accept a:* -> b:1', 'accept @s:* -> b:1'], ['r2 shadowed r1']],
    [['accept @s:* -> b:1'], []],
    [['accept @s:* -> b:1', 'accept @s:2 -> b:1'], []],
    [['drop a:2 -> b:1', 'accept @s:* -> b:1'], []],
    [['drop a:2 -> b:1-2', 'accept @s:* -> b:1'], ['r2 overlap r1']],
    [['accept @old:* -> b:1', 'accept a:* -> b:1'], []],
    [['accept @old:* -> b:1', 'accept c:* -> b:1'], ['r2 shadowed r1']],
  ]
  for (const [texts, expected] of cases)
    t.same(found(rules(...texts), sets), expected, texts.join())
})

await t.test('the tags of known domains count', async t => {
  const list = rules('drop tag:x:* -> b:*', 'accept a:1 -> b:2')
  const domains = [{ name: 'a', tags: ['x'] }]
  t.equal(findCovered({ rules: list, sets: [], tags: [] }, domains, 0).size, 1)
})

await t.test('what would take too long to look into counts as sound', async t => {
  const crossing = Array.from(
    { length: 3_200 },
    (_, i) => `accept *:${7 * i}-${7 * i + 8} -> *:${7 * i}-${7 * i + 8}`,
  )
  t.same(found(rules(...crossing, 'drop *:* -> *:*', 'accept a:1 -> b:2')), [])
  const many = set('many', ...Array.from({ length: 65 }, (_, i) => `d${i}`))
  t.same(found(rules('drop *:* -> *:*', 'accept @many:* -> @many:*'), [many]), [])
})

await t.test('a rule that is said to be in vain never decides, whoever asks', async t => {
  let vain = 0
  fc.assert(
    fc.property(smallPolicy, fc.array(tuple, { minLength: 30 }), (policy, tuples) => {
      const covered = findCovered(policy, [], 0)
      vain += covered.size
      return tuples.every(each => {
        const { rule } = verdictOn(policy, each, 0)
        const what = rule === null ? undefined : covered.get(rule)?.code
        return what === undefined || what === 'overlap'
      })
    }),
    { numRuns: 500 },
  )
  t.ok(vain > 100, `${vain} rules were found`)
})
