import t from 'tap'
import { diffRules } from '../../src/policy/rule-diff.js'
import { mergeRules, PAIRS_MAX, type MergedRules } from '../../src/policy/rule-merge.js'
import { formatRule, parseRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'

/** Rules of a text such as `a b=drop c`: about datagrams to a port each, or what `=` says. */
function rulesOf(text: string): Rule[] {
  return text.split(' ').flatMap(word => {
    if (word === '') return []
    const [id = '', action = 'accept'] = word.split('=')
    // What is written in capitals meets everything.
    const to = /[A-Z]/.test(id) ? '*:*' : `${id}:1`
    const parsed = parseRule(`${action} x:* -> ${to}`)
    if (!parsed.ok) throw new Error(parsed.message)
    return { id: id.toLowerCase(), ...parsed.rule }
  })
}

function merge(base: string, theirs: string, yours: string): MergedRules {
  const [old, ...sides] = [base, theirs, yours].map(rulesOf)
  const [first, second] = sides.map(rules => ({ rules, changes: diffRules(old!, rules) }))
  return mergeRules(old!, first!, second!)
}

function idsOf({ rules }: MergedRules): string {
  return rules.map(({ id }) => id).join(' ')
}

await t.test('changes of different rules go together', async t => {
  for (const [base, theirs, yours, merged] of [
    ['', '', '', ''],
    ['a b c', 'a b c', 'a c', 'a c'],
    ['a b c', 'a c', 'a b', 'a'],
    ['a b c', 'n a b c', 'a b c m', 'n a b c m'],
    ['a b c', 'a n b c', 'a m b c', 'a n m b c'],
    ['a b c', 'b c a', 'a b m c', 'b m c a'],
    ['a b c', 'a n b m c', 'a n b m c', 'a n b m c'],
    ['a b c', 'a p n q b c', 'a r n s b c', 'a p r n q s b c'],
    ['a b c', 'c a b', 'c a b', 'c a b'],
    ['a b', 'b', 'b', 'b'],
    // Where rules are moved past each other and it does not matter.
    ['a b c d e', 'b c a d e', 'a c d b e', 'c a d b e'],
  ] as const) {
    const what = `${base} => ${theirs} and ${yours}`
    const result = merge(base, theirs, yours)
    t.strictSame([result.both, result.orders, idsOf(result)], [[], [], merged], what)
  }
})

await t.test('a rule that only one side changes says what that side says', async t => {
  const { both, orders, rules } = merge('a b c', 'a=drop b c', 'a b c=reject')
  t.strictSame([both, orders], [[], []])
  t.strictSame(rules.map(formatRule), ['drop x:* -> a:1', 'accept x:* -> b:1', 'reject x:* -> c:1'])
})

await t.test('what both make of a rule has to be the same', async t => {
  for (const [base, theirs, yours, both] of [
    ['a b', 'a=drop b', 'a=drop b', []],
    ['a b', 'a=drop b', 'a=reject b', ['a']],
    ['a b', 'a=drop b', 'b', ['a']],
    ['a b', 'b', 'a=drop b', ['a']],
    ['a b c', 'b c a', 'b c', ['a']],
    ['a b c d', 'b c d a', 'b c a d', ['a']],
    ['a b c', 'b c a', 'a=drop b c', ['a']],
    ['a b', 'a b n', 'a b n=drop', ['n']],
    ['a b', 'a b n', 'n a b', ['n']],
  ] as const) {
    const result = merge(base, theirs, yours)
    t.strictSame(result.both, both, `${base} => ${theirs} and ${yours}`)
    t.strictSame(merge(base, yours, theirs).both, both, `${base} => ${yours} and ${theirs}`)
  }
})

await t.test('who is asked first has to be said where it matters', async t => {
  for (const [base, theirs, yours, orders] of [
    // In the same place.
    ['a', 'a N=drop', 'a m', [[['n'], ['m']]]],
    ['a', 'a n M=drop k', 'a l', [[['m'], ['l']]]],
    ['a', 'a N=drop', 'm a', []],
    // In the place of a rule that both took away.
    ['a b c', 'a n c', 'a m c', [[['n'], ['m']]]],
    // The same rules, but in another order.
    [
      'a',
      'a n m',
      'a m n',
      [
        [
          ['n', 'm'],
          ['m', 'n'],
        ],
      ],
    ],
    // Put in front of a rule that is moved away.
    ['a b c', 'b a c', 'a N=drop b c', [[['b'], ['n']]]],
    ['a b c', 'b a c', 'a n b c', []],
    ['A=drop b c d', 'b A=drop c d', 'A=drop b c d', []],
    ['a b c D=drop', 'b c a D=drop', 'a b D=drop c', [[['a'], ['d']]]],
    ['a b c D=drop e', 'b c D=drop a e', 'D=drop a b c e', []],
  ] as const) {
    const result = merge(base, theirs, yours)
    const found = result.orders.map(order => [order.theirs, order.yours])
    t.strictSame([result.both, found], [[], orders], `${base} => ${theirs} and ${yours}`)
    const mirrored = merge(base, yours, theirs).orders.map(order => [order.yours, order.theirs])
    t.strictSame(mirrored, orders, `${base} => ${yours} and ${theirs}`)
  }
})

await t.test('more rules than can be compared count as if their order mattered', async t => {
  const count = Math.ceil(Math.sqrt(PAIRS_MAX)) + 1
  const many = (prefix: string): string =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}`).join(' ')
  const [added] = merge('z', `${many('a')} z`, `${many('b')} z`).orders
  t.strictSame([added?.theirs.length, added?.yours.length], [count, count])
  const [a, b] = [many('a'), many('b')]
  const moved = merge(`${a} y ${b} z v w`, `y ${b} z v ${a} w`, `${b} ${a} y z v w`)
  t.equal(moved.orders.length, 1)
  t.equal(moved.orders[0]?.theirs.length, count)
})
