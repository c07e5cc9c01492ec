import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { DOMID_MAX } from '../../src/abi/addr.js'
import { TAGS_PER_DOMAIN_MAX } from '../../src/abi/limits.js'
import { DomainStore } from '../../src/store/domain-store.js'
import { openStore } from '../../src/store/store.js'
import { Sequence } from '../../src/store/sequence.js'
import {
  openTestDatabase,
  openTestStore,
  testLimits,
  TestClock,
  testRandom,
} from './fixtures/open-test-store.js'

function ids(domains: DomainStore): Record<string, number> {
  return Object.fromEntries(domains.list().map(domain => [domain.name, domain.id]))
}

/** Domains of which all numbers but the last were handed out once. */
function nearlyExhausted(t: Test): DomainStore {
  const db = openTestDatabase(t)
  new Sequence(db, 'domain').raise(DOMID_MAX - 1)
  return new DomainStore(db, new TestClock(), testLimits())
}

await t.test('domains are read a page at a time, in the order of their names', t => {
  const { domains } = openTestStore(t).store
  for (const name of ['c', 'a', 'd', 'b']) domains.add(name)
  const namesOf = (after: string): string[] => domains.page(after, 3).map(({ name }) => name)
  t.same(namesOf(''), ['a', 'b', 'c'])
  t.same(namesOf('c'), ['d'])
  t.same(namesOf('bb'), ['c', 'd'])
  t.same(namesOf('d'), [])
  t.end()
})

await t.test('a domain is added with its tags in order and found by name and id', async t => {
  const { store, clock } = openTestStore(t)
  const added = store.domains.add('web', ['prod', 'app', 'prod'])
  const web = { id: 1, name: 'web', tags: ['app', 'prod'], enabled: true, createdAt: clock.time }
  t.same(added, { ok: true, domain: web })
  t.same(store.domains.get('web'), web)
  t.same(store.domains.byId(1), web)
  t.equal(store.domains.get('db'), undefined)
  t.equal(store.domains.byId(2), undefined)
  store.domains.add('db')
  t.same(
    store.domains.list().map(domain => domain.name),
    ['db', 'web'],
  )
})

await t.test('bad names, bad tags, too many tags and taken names are refused', async t => {
  const { store } = openTestStore(t)
  store.domains.add('web')
  const tags = Array.from({ length: TAGS_PER_DOMAIN_MAX + 1 }, (_, i) => `tag${i}`)
  t.match(store.domains.add('Web'), { ok: false, code: 'EINVAL' })
  t.match(store.domains.add('7'), { ok: false, code: 'EINVAL' })
  t.match(store.domains.add('control'), { ok: false, code: 'EINVAL' })
  t.match(store.domains.add('db', ['not a tag']), { ok: false, code: 'EINVAL' })
  t.match(store.domains.add('db', tags), { ok: false, code: 'ENOSPC', message: /16 tags, not 17/ })
  t.same(store.domains.add('web'), {
    ok: false,
    code: 'EEXIST',
    message: 'there is a domain "web" already',
  })
  t.same(ids(store.domains), { web: 1 })
  t.match(store.domains.add('db', [...tags.slice(1), 'tag1']), { ok: true })
})

await t.test('tags and whether a domain is enabled can be changed, each alone', async t => {
  const { store } = openTestStore(t)
  store.domains.add('web', ['app'])
  t.match(store.domains.patch('web', { enabled: false }), {
    ok: true,
    domain: { tags: ['app'], enabled: false },
  })
  t.match(store.domains.patch('web', { tags: ['z', 'a'] }), {
    ok: true,
    domain: { tags: ['a', 'z'], enabled: false },
  })
  t.match(store.domains.patch('web', {}), { ok: true, domain: { tags: ['a', 'z'] } })
  t.match(store.domains.patch('web', { tags: [' '] }), { ok: false, code: 'EINVAL' })
  t.match(store.domains.patch('db', { tags: [] }), {
    ok: false,
    code: 'ENOENT',
    message: 'there is no domain "db"',
  })
  t.match(store.domains.get('web'), { tags: ['a', 'z'], enabled: false })
})

await t.test('a removed domain is gone, its id is not given to the next one', async t => {
  const { store } = openTestStore(t)
  store.domains.add('web')
  store.domains.add('db')
  t.match(store.domains.remove('db'), { ok: true, domain: { id: 2, name: 'db' } })
  t.match(store.domains.remove('db'), { ok: false, code: 'ENOENT' })
  store.domains.add('db')
  t.same(ids(store.domains), { web: 1, db: 3 })
})

await t.test('when domains were last seen is kept, but for those that are gone', async t => {
  const { store } = openTestStore(t)
  for (const name of ['a', 'b', 'c', 'd']) store.domains.add(name)
  store.domains.saw([
    [1, 1000],
    [2, 2000],
    [3, 3000],
    [77, 9000],
  ])
  store.domains.saw([[2, 2500]])
  store.domains.remove('c')
  t.same(
    [...store.domains.lastSeen()],
    [
      [1, 1000],
      [2, 2500],
    ],
  )
})

await t.test('when all ids were handed out the lowest free one is next', async t => {
  const domains = nearlyExhausted(t)
  t.match(domains.add('last'), { domain: { id: DOMID_MAX } })
  t.match(domains.add('a'), { domain: { id: 1 } })
  t.match(domains.add('b'), { domain: { id: 2 } })
  t.match(domains.add('c'), { domain: { id: 3 } })
  domains.remove('b')
  t.match(domains.add('d'), { domain: { id: 2 } })
  t.match(domains.add('e'), { domain: { id: 4 } })
  domains.remove('a')
  t.match(domains.add('f'), { domain: { id: 1 } })
})

await t.test('where the last id is not what was written the lowest free one is next', async t => {
  for (const last of ['-7', '0', '9223372036854775807']) {
    const { store, path } = openTestStore(t)
    store.domains.add('a')
    store.domains.add('b')
    store.close()
    const sqlite = new Sqlite(path)
    sqlite.exec(`UPDATE sequences SET last = ${last}`)
    sqlite.close()
    const again = openStore(path, { now: () => 0, ...testRandom })
    t.match(again.domains.add('c'), { ok: true, domain: { id: 3 } }, last)
    again.close()
  }
})

await t.test('the limit of domains holds', async t => {
  const { store } = openTestStore(t, { domainsMax: 2 })
  store.domains.add('a')
  store.domains.add('b')
  t.same(store.domains.add('c'), {
    ok: false,
    code: 'ENOSPC',
    message: 'there are 2 domains, which is the limit',
  })
  store.domains.remove('a')
  t.match(store.domains.add('c'), { ok: true, domain: { id: 3 } })
})

await t.test('there are never more domains than ids, whatever the limit says', async t => {
  const db = openTestDatabase(t)
  const domains = new DomainStore(db, new TestClock(), testLimits({ domainsMax: 100_000 }))
  db.prepare(
    `WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < ${DOMID_MAX})
     INSERT INTO domains (id, name, tags, enabled, created_at) SELECT id, 'd' || id, '[]', 1, 0 FROM ids`,
  ).run()
  t.match(domains.add('more'), { ok: false, code: 'ENOSPC' })
  domains.remove('d77')
  new Sequence(db, 'domain').raise(DOMID_MAX)
  t.match(domains.add('more'), { ok: true, domain: { id: 77 } })
})
