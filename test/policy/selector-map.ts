import t from 'tap'
import { SelectorMap } from '../../src/policy/selector-map.js'
import { ALL_PORTS, type Selector } from '../../src/policy/selector.js'
import type { Subject } from '../../src/policy/subject.js'

const any: Selector = { kind: 'any', ports: ALL_PORTS }
const web: Selector = { kind: 'name', name: 'web', ports: ALL_PORTS }
const control: Selector = { kind: 'name', name: 'control', ports: ALL_PORTS }
const front: Selector = { kind: 'tag', tag: 'front', ports: ALL_PORTS }

/** Everything that is filed for a domain. */
function found<T>(map: SelectorMap<T>, subject: Subject): (T | undefined)[] {
  return Array.from({ length: SelectorMap.places(subject) }, (_, place) => map.at(subject, place))
}

function filled(): SelectorMap<string> {
  const map = new SelectorMap<string>()
  for (const [selector, value] of [
    [any, 'any'],
    [web, 'web'],
    [control, 'control'],
    [front, 'front'],
  ] as const) {
    map.getOrMake(selector, () => value)
  }
  return map
}

await t.test('a domain finds what is filed under its name, under * and under its tags', async t => {
  const map = filled()
  t.same(found(map, { name: 'web', tags: ['front', 'x'] }), ['web', 'any', 'front', undefined])
  t.same(found(map, { name: 'front', tags: [] }), [undefined, 'any'])
  t.same(found(map, { name: 'unknown', tags: ['web'] }), [undefined, 'any', undefined])
})

await t.test('the control domain finds what is filed under its name only', async t => {
  t.same(found(filled(), { name: 'control', tags: ['front'] }), ['control'])
})

await t.test('a place is made once', async t => {
  const map = new SelectorMap<object>()
  for (const selector of [any, web, front]) {
    const first = map.getOrMake(selector, () => ({}))
    t.equal(
      map.getOrMake({ ...selector, ports: { min: 1, max: 1 } }, () => ({})),
      first,
    )
  }
})

await t.test('values can be exchanged, places stay', async t => {
  const map = filled().map(value => value.length)
  t.same(found(map, { name: 'web', tags: ['front'] }), [3, 3, 5])
  const empty = new SelectorMap<string>().map(value => value.length)
  t.same(found(empty, { name: 'web', tags: ['front'] }), [undefined, undefined, undefined])
})
