import t from 'tap'
import { openTestStore } from './fixtures/open-test-store.js'

const flow = { source: 'web', sourcePort: 80, destination: 'db', port: 5432, type: 0x6667 }

await t.test('a grant is kept until it is over, and the newest of a flow alone', async t => {
  const { store, clock } = openTestStore(t)
  const { grants } = store
  const since = clock.now()
  grants.put(1, flow, 1_000, 'ann')
  grants.put(2, { ...flow, sourcePort: undefined }, 5_000, 'x'.repeat(200))
  t.strictSame(grants.list()[0], { id: 1, flow, by: 'ann', since, expires: since + 1_000 })
  t.match(grants.list()[1], { id: 2, flow: { sourcePort: undefined }, by: /^x{127}…$/ })
  grants.put(3, { ...flow, sourcePort: undefined }, 5_000, 'ann')
  t.match(grants.list(), [{ id: 1 }, { id: 3 }])
  clock.time += 1_000
  grants.put(4, { ...flow, port: 1 }, 5_000, 'ann')
  t.match(grants.list(), [{ id: 3 }, { id: 4 }])
  t.equal(grants.remove(3), true)
  t.equal(grants.remove(3), false)
  t.equal(grants.list().length, 1)
})

await t.test(
  'a grant ends with either domain, so that no other of the name inherits it',
  async t => {
    const { store } = openTestStore(t)
    for (const name of ['web', 'db', 'other']) store.domains.add(name, [])
    store.grants.put(1, flow, 1_000, 'ann')
    store.grants.put(2, { ...flow, source: 'other' }, 1_000, 'ann')
    store.domains.remove('web')
    t.match(store.grants.list(), [{ id: 2 }])
    store.domains.remove('db')
    t.same(store.grants.list(), [])
  },
)
