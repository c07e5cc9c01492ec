import Sqlite from 'better-sqlite3'
import t from 'tap'
import { bootPolicy, newestGood, readPolicy } from '../../../src/control/policy/boot-policy.js'
import { openTestStore } from '../../store/fixtures/open-test-store.js'
import { revisionOf } from '../../store/fixtures/rules.js'

/** Changes bytes of stored policies behind the daemon's back. */
function damage(path: string, revisions: string): void {
  const sqlite = new Sqlite(path)
  sqlite.exec(`UPDATE policies SET body = x'00' WHERE revision IN (${revisions})`)
  sqlite.close()
}

const ids = (booted: { policy: { rules: readonly { id: string }[] } }): string =>
  booted.policy.rules.map(({ id }) => id).join('')

void t.test('the newest revision is the one to start with', t => {
  const { store, clock } = openTestStore(t)
  t.match(bootPolicy(store, clock), { revision: 0, problem: undefined, policy: { rules: [] } })
  store.policies.append(revisionOf('a'))
  store.policies.append(revisionOf('b'))
  const booted = bootPolicy(store, clock)
  t.match(booted, { revision: 2, problem: undefined })
  t.equal(ids(booted), 'b')
  t.end()
})

void t.test('a damaged one is passed over, and without any good one all is rejected', t => {
  const { store, clock, path } = openTestStore(t)
  for (const id of ['a', 'b', 'c']) store.policies.append(revisionOf(id))
  damage(path, '2, 3')
  const booted = bootPolicy(store, clock)
  t.match(booted, {
    revision: 1,
    problem: /revision 3 does not fit its hash.*revision 1 is in force/,
  })
  t.equal(ids(booted), 'a')
  damage(path, '1')
  t.match(bootPolicy(store, clock), {
    revision: 0,
    problem: /everything is rejected/,
    policy: { rules: [] },
  })
  t.type(readPolicy(store, 1), 'string')
  t.equal(readPolicy(store, 9), undefined)
  t.end()
})

void t.test('one that says what this version can not read is passed over too', t => {
  const { store } = openTestStore(t)
  store.policies.append(revisionOf('a'))
  store.policies.append({ ...revisionOf('b'), format: 99 })
  t.match(newestGood(store, 2), { revision: 1, problem: /unknown format 99/ })
  t.end()
})

void t.test('what nobody confirmed in time is rolled back before anything is decided', t => {
  const { store, clock } = openTestStore(t)
  store.policies.append(revisionOf('a'))
  store.policies.append(revisionOf('b'))
  const deadline = clock.now() + 1_000
  store.policies.expectConfirmation({ revision: 2, backTo: 1, deadline, author: 'admin' })
  t.match(bootPolicy(store, clock), { revision: 2 }, 'there is time yet')
  clock.time = deadline
  const booted = bootPolicy(store, clock)
  t.match(booted, { revision: 3, problem: undefined })
  t.equal(ids(booted), 'a')
  t.equal(store.policies.unconfirmed(), undefined)
  t.match(store.audit.list(1), [
    { actor: 'daemon', action: 'policy.rollback', revisionBefore: 2, revisionAfter: 3 },
  ])
  t.equal(bootPolicy(store, clock).revision, 3)
  t.end()
})

void t.test('what nobody confirmed does not come back when the way back is damaged', t => {
  const { store, clock, path } = openTestStore(t)
  store.policies.append(revisionOf('a'))
  store.policies.append(revisionOf('b'))
  store.policies.append(revisionOf('c'))
  store.policies.expectConfirmation({ revision: 3, backTo: 2, deadline: 0, author: 'admin' })
  damage(path, '2')
  const booted = bootPolicy(store, clock)
  t.equal(ids(booted), 'a')
  t.match(booted, { revision: 4, problem: /revision 2 does not fit its hash.*of revision 1 is/ })
  t.end()
})
