import fc from 'fast-check'
import t from 'tap'
import { Membership, SET_ELEMENTS_MAX } from '../../src/policy/membership.js'
import type { SetElement } from '../../src/policy/policy.js'
import { ALL_PORTS, matchesEnd, matchesPort } from '../../src/policy/selector.js'
import { formatSetElement, parseSetElement } from '../../src/policy/set-element.js'
import { moment, policy, tuple } from './fixtures/arbitraries.js'

function element(text: string, expires?: number): SetElement {
  const parsed = parseSetElement(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return expires === undefined ? parsed : { ...parsed, expires }
}

/** The elements of a set, as text. */
function held(members: Membership, set: string): string[] {
  return members.sets.find(({ name }) => name === set)?.elements.map(formatSetElement) ?? []
}

await t.test('elements come and go, and every change has a version', async t => {
  const members = new Membership([{ name: 's', elements: [element('web')] }])
  const start = members.version
  t.equal(members.add('s', element('tag:db:5432')), true)
  t.equal(members.add('new', element('web:80')), true)
  t.same(held(members, 's'), ['web', 'tag:db:5432'])
  t.same(
    [...members.setsOf({ name: 'web', tags: [] })],
    [
      ['s', [ALL_PORTS]],
      ['new', [{ min: 80, max: 80 }]],
    ],
  )
  t.same(
    [...members.setsOf({ name: 'x', tags: ['db', 'db'] })],
    [['s', [{ min: 5432, max: 5432 }]]],
  )
  t.equal(members.remove('s', element('web', 5)), true, 'whenever it expires')
  t.equal(members.remove('s', element('web')), false)
  t.equal(members.remove('none', element('web')), false)
  t.ok(members.version > start)
  const last = members.version
  t.equal(members.expire(Infinity), false)
  t.equal(members.version, last)
})

await t.test('an element that means the same is replaced', async t => {
  const members = new Membership()
  members.add('s', element('web', 1_000))
  members.add('s', element('web:*', 2_000))
  t.same(held(members, 's'), ['web expires 1970-01-01T00:00:02Z'])
  t.same([...members.setsOf({ name: 'web', tags: [] })], [['s', [ALL_PORTS]]])
})

await t.test('an element expires at its time, and the next time is known', async t => {
  const members = new Membership()
  t.equal(members.nextExpiry, Infinity)
  members.add('s', element('a', 2_000))
  members.add('s', element('b', 1_000))
  members.add('s', element('c'))
  t.equal(members.nextExpiry, 1_000)
  t.equal(members.expire(999), false)
  t.equal(members.expire(1_000), true)
  t.equal(members.nextExpiry, 2_000)
  t.equal(members.expire(5_000), true)
  t.same(held(members, 's'), ['c'])
  t.equal(members.nextExpiry, Infinity)
  members.add('s', element('d', 9_000))
  members.remove('s', element('d'))
  t.equal(members.expire(9_000), false, 'it was taken out before')
})

await t.test('the control domain is in no set, and elements have a limit', async t => {
  const members = new Membership([], [{ tag: 'x', domains: ['a'] }])
  members.add('s', element('tag:x'))
  t.equal(members.setsOf({ name: 'control', tags: ['x'] }).size, 0)
  t.equal(members.setsOf({ name: 'a', tags: [] }).size, 1)
  t.same(members.tagsOf('a'), ['x'])
  t.same(members.tagsOf('b'), [])
  for (let i = 1; i < SET_ELEMENTS_MAX; i++) members.add(`s${i % 7}`, element(`d${i}`))
  t.equal(members.add('s', element('more')), false)
  t.equal(members.add('s', element('tag:x', 1)), true, 'one that is there already')
  members.remove('s', element('tag:x'))
  t.equal(members.add('s', element('more')), true)
})

await t.test('who is in a set is what the plain reading of the sets says', async () => {
  fc.assert(
    fc.property(policy, tuple, moment, ({ sets, tags }, { source, sourcePort }, now) => {
      const members = new Membership(sets, tags)
      members.expire(now)
      const found = members.setsOf(source)
      return sets.every(({ name }) => {
        const selector = { kind: 'set', set: name, ports: ALL_PORTS } as const
        const ports = found.get(name) ?? []
        const expected = matchesEnd(selector, source, sourcePort, { sets, tags, now })
        return (
          ports.some(range => matchesPort(range, sourcePort)) === expected &&
          matchesEnd(selector, source, sourcePort, members.scope(now)) === expected
        )
      })
    }),
    { numRuns: 2_000 },
  )
})
