import t from 'tap'
import { openTestStore } from './fixtures/open-test-store.js'

await t.test('elements come, get another end, and go', async t => {
  const { store, clock } = openTestStore(t)
  const { sets } = store
  const now = clock.now()
  t.same(sets.put('guests', 'web', now + 5, 'admin'), { ok: true })
  t.same(sets.put('guests', 'tag:lab:80', undefined, 'x'.repeat(200)), { ok: true })
  t.match(sets.list(), [
    { set: 'guests', element: 'tag:lab:80', expiresAt: undefined, author: /^x{127}…$/ },
    { set: 'guests', element: 'web', expiresAt: now + 5, author: 'admin', addedAt: now },
  ])
  sets.put('guests', 'web', now + 9, 'other')
  t.match(sets.list()[1], { expiresAt: now + 9, author: 'other' })
  t.equal(sets.remove('guests', 'tag:lab:80'), true)
  t.equal(sets.remove('guests', 'tag:lab:80'), false)
  sets.put('others', 'db', undefined, 'admin')
  sets.dropSet('guests')
  t.match(sets.list(), [{ set: 'others' }])
})

await t.test('what has expired makes room, and what has not does not', async t => {
  const { store, clock } = openTestStore(t, { setElementsMax: 2 })
  const { sets } = store
  sets.put('a', 'one', clock.now() + 5, 'admin')
  sets.put('a', 'two', undefined, 'admin')
  t.match(sets.put('a', 'three', undefined, 'admin'), { ok: false, code: 'ENOSPC' })
  t.same(sets.put('a', 'two', undefined, 'admin'), { ok: true }, 'it is there already')
  clock.time += 5
  t.same(sets.put('a', 'three', undefined, 'admin'), { ok: true })
  sets.dropExpired()
  t.same(
    sets.list().map(({ element }) => element),
    ['three', 'two'],
  )
})
