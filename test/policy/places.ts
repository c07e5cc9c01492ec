import t from 'tap'
import { Membership } from '../../src/policy/membership.js'
import { placeOf, placesOf } from '../../src/policy/places.js'
import { ALL_PORTS, parseSelector } from '../../src/policy/selector.js'

await t.test('a domain is in the places that a selector about it is filed under', async t => {
  const members = new Membership(
    [{ name: 's', elements: [{ kind: 'tag', tag: 'given', ports: ALL_PORTS }] }],
    [{ tag: 'given', domains: ['web'] }],
  )
  const keys = placesOf({ name: 'web', tags: ['own', 'given'] }, members).map(({ key }) => key)
  t.same(keys, ['web', 'tag:own', 'tag:given', '@s', '*'])
  for (const text of ['web:1', 'tag:own:1', 'tag:given:1', '@s:1', '*:1']) {
    const selector = parseSelector(text)
    t.ok(typeof selector !== 'string' && keys.includes(placeOf(selector)), text)
  }
})

await t.test('the control domain has no place but its name', async t => {
  const members = new Membership([], [])
  t.same(placesOf({ name: 'control', tags: ['own'] }, members), [
    { key: 'control', ports: undefined },
  ])
})
