import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { StoreError } from '../../../src/store/store-error.js'
import { buildTestApp, type TestApp } from '../fixtures/build-app.js'

const rule = { id: 'one', action: 'accept', source: 'web:*', destination: 'db:1' }

/**
 * A policy with two revisions, of which some are damaged, and a third that nobody will confirm.
 * @param prepare called before that one is made: it may be over before its answer is there.
 */
async function overdue(
  t: Test,
  damaged: string,
  prepare: (test: TestApp) => void = () => undefined,
): Promise<TestApp> {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const test = buildTestApp(t, { path })
  await test.call('PUT', '/v1/policy', { rules: [rule] })
  await test.call('PUT', '/v1/policy', { rules: [{ ...rule, id: 'two' }] })
  const sqlite = new Sqlite(path)
  sqlite.exec(`UPDATE policies SET body = x'00' WHERE revision IN (${damaged})`)
  sqlite.close()
  prepare(test)
  await test.call('PUT', '/v1/policy?confirm=50ms', { rules: [{ ...rule, source: '*:*' }] })
  return test
}

async function turn(): Promise<void> {
  await sleep(5)
}

void t.test('a way back that is damaged leads to the revision before it, once', async t => {
  const { call, hypervisor, services, store, logged } = await overdue(t, '2')
  while (hypervisor.policy.revision === 3 || services.policy.problem() === undefined) await turn()
  t.match(hypervisor.policy, { revision: 4, rules: [{ id: 'one', source: { kind: 'name' } }] })
  const problem = /revision 2 does not fit its hash.*that of revision 1 is in force/
  t.match(logged, [{ message: problem }])
  t.equal(logged.length, 1)
  t.match(store.audit.list(1), [{ actor: 'daemon', action: 'policy.rollback', target: '1' }])
  t.equal(store.policies.unconfirmed(), undefined)
  t.match(await call('GET', '/readyz?verbose'), {
    status: 503,
    body: { status: 'degraded', checks: [{ ok: true }, { ok: false, message: problem }] },
  })
  t.equal((await call('POST', '/v1/rules', { ...rule, id: 'three' })).status, 201)
  t.equal((await call('GET', '/readyz')).status, 200)
})

void t.test('when none before it can be read, everything is rejected', async t => {
  const { hypervisor, services, logged } = await overdue(t, '1, 2')
  while (services.policy.problem() === undefined) await turn()
  t.match(hypervisor.policy, { revision: 4, rules: { length: 0 } })
  t.match(logged, [{ message: /everything is rejected/ }])
})

void t.test('what may work the next time is tried again, and told once', async t => {
  let tries = 0
  const { call, hypervisor, services, logged } = await overdue(t, '0', ({ store: { audit } }) => {
    const append = audit.append.bind(audit)
    audit.append = record => {
      if (record.action !== 'policy.rollback') return append(record)
      if (++tries <= 2) throw new StoreError('full', 'no space')
      return append(record)
    }
  })
  while (services.policy.problem() === undefined) await turn()
  t.match(await call('GET', '/readyz?verbose'), {
    status: 503,
    body: { status: 'degraded', checks: [{}, { message: /rolled back: no space/ }] },
  })
  t.equal(hypervisor.policy.revision, 3)
  while (hypervisor.policy.revision === 3) await turn()
  t.match(hypervisor.policy, { revision: 4, rules: [{ id: 'two' }] })
  t.equal(tries, 3)
  t.equal(logged.length, 1)
  t.equal((await call('GET', '/readyz')).status, 200)
})
