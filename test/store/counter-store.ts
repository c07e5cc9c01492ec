import t from 'tap'
import { openTestStore } from './fixtures/open-test-store.js'
import { fill, testChange } from './fixtures/rules.js'

await t.test('counters are kept by rule id and go with their rule', async t => {
  const { store } = openTestStore(t)
  fill(store.rules, 'a b c')
  t.same(store.counters.load(), [])
  const none = { hits: 0, bytes: 0, lastHit: undefined }
  store.counters.save([
    { id: 'a', hits: 1, bytes: 100, lastHit: 5 },
    { id: 'b', hits: 2, bytes: 2 ** 53 + 2 ** 20, lastHit: 6 },
    { id: 'gone', hits: 3, bytes: 300, lastHit: 7 },
    { id: 'default', ...none },
  ])
  store.counters.save([{ id: 'a', hits: 9, bytes: 900, lastHit: 8 }])
  const a = { id: 'a', hits: 9, bytes: 900, lastHit: 8 }
  const b = { id: 'b', hits: 2, bytes: 2 ** 53 + 2 ** 20, lastHit: 6 }
  t.same(store.counters.load(), [a, b, { id: 'default', ...none }])
  store.rules.update('a', { comment: '' }, testChange)
  store.rules.move('a', 3, testChange)
  fill(store.rules, 'b a d')
  t.same(store.counters.load(), [a, b, { id: 'default', ...none }])
  store.rules.remove('b', testChange)
  t.same(store.counters.load(), [a, { id: 'default', ...none }])
  fill(store.rules, 'd')
  t.same(store.counters.load(), [{ id: 'default', ...none }])
  store.counters.save([{ id: 'd', hits: 1, bytes: 1, lastHit: 1 }])
  store.rules.flush(testChange)
  t.same(store.counters.load(), [{ id: 'default', ...none }])
})
