import t from 'tap'
import { openTestStore } from './fixtures/open-test-store.js'

const nothing = { hits: 0, bytes: 0 }
const rest = {
  audited: 1,
  auditedBytes: 2 ** 53 + 2,
  limited: 3,
  quotaUsed: 2 ** 50,
  quotaSince: 1_795_176_000_000,
}

await t.test('counters are kept by rule id until they are said to be gone', async t => {
  const { store } = openTestStore(t)
  t.same(store.counters.load(), [])
  const none = { ...nothing, lastHit: undefined, ...rest }
  store.counters.save([
    { id: 'a', hits: 1, bytes: 100, lastHit: 5, ...rest },
    { id: 'b', hits: 2, bytes: 2 ** 53 + 2 ** 20, lastHit: 6, ...rest },
    { id: 'default', ...none },
  ])
  store.counters.save([{ id: 'a', hits: 9, bytes: 900, lastHit: 8, ...rest }])
  const a = { id: 'a', hits: 9, bytes: 900, lastHit: 8, ...rest }
  const b = { id: 'b', hits: 2, bytes: 2 ** 53 + 2 ** 20, lastHit: 6, ...rest }
  t.same(store.counters.load(), [a, b, { id: 'default', ...none }])
  store.counters.save([], ['b', 'never was'])
  t.same(store.counters.load(), [a, { id: 'default', ...none }])
})

await t.test('what rules that are gone have decided is kept by verdict', async t => {
  const { store } = openTestStore(t)
  const start = { accept: nothing, reject: nothing, drop: nothing, audit: nothing, ask: nothing }
  t.same(store.counters.loadRetired(), start)
  const some = {
    ...start,
    accept: { hits: 7, bytes: 2 ** 53 + 2 ** 20 },
    drop: { hits: -1, bytes: -9 },
  }
  store.counters.save([], ['a'], some)
  t.same(store.counters.loadRetired(), some)
  store.counters.save([], [])
  t.same(store.counters.loadRetired(), some)
})
