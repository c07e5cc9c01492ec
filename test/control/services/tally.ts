import { join } from 'node:path'
import t from 'tap'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'
import { withTurns } from '../fixtures/turns.js'

/** Sends datagrams that rules and the default decide. */
async function withTraffic(t: Parameters<typeof buildTestApp>[0], path?: string) {
  const test = buildTestApp(t, path === undefined ? {} : { path })
  for (const name of ['web', 'db']) await test.call('POST', '/v1/domains', { name })
  const web = new TestClient(test.hypervisor, 'web')
  web.bind(80)
  new TestClient(test.hypervisor, 'db').bind(1)
  return { ...test, send: (port: number) => web.send(80, 'db', port) }
}

/** Everything that was decided, added up from what REST says. */
async function sums(call: TestApp['call']): Promise<{ total: number; byVerdict: number }> {
  const list = (await call('GET', '/v1/rules')).body
  const stats = (await call('GET', '/v1/stats')).body
  const rules = list.rules as readonly { hits: number }[]
  const verdicts = stats['verdicts'] as Record<string, { datagrams: number }>
  const total =
    rules.reduce((sum, { hits }) => sum + hits, 0) +
    (list['default'] as { hits: number }).hits +
    (stats['retired'] as { hits: number }).hits
  const byVerdict = Object.values(verdicts).reduce((sum, { datagrams }) => sum + datagrams, 0)
  return { total, byVerdict }
}

void t.test('rules + default + retired is what was decided, whatever becomes of rules', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  let decided = 0
  await t.test('while it runs', async t => {
    const { call, send, services, store } = await withTraffic(t, path)
    const some = (count: number): void => {
      for (let i = 0; i < count; i++) {
        send(1 + (i % 3))
        decided++
      }
    }
    const check = async (what: string): Promise<void> => {
      t.strictSame(await sums(call), { total: decided, byVerdict: decided }, what)
    }
    await call('POST', '/v1/rules', {
      id: 'a',
      action: 'accept',
      source: '*:*',
      destination: '*:1',
    })
    await call('POST', '/v1/rules', { id: 'b', action: 'drop', source: '*:*', destination: '*:2' })
    some(10)
    await check('with two rules')
    await call('PATCH', '/v1/rules/b', { action: 'reject' })
    await check('after one turned')
    some(10)
    await services.tally.save()
    await call('DELETE', '/v1/rules/a')
    some(10)
    await check('after one went')
    await call('POST', '/v1/rules', { id: 'a', action: 'drop', source: '*:*', destination: '*:1' })
    t.match((await call('GET', '/v1/rules/a')).body, { hits: 0 }, 'it is another rule now')
    some(10)
    await check('after one of its name came')
    await call('PUT', '/v1/policy', { rules: [] })
    some(3)
    await check('after all went')
    await call('POST', '/v1/policy/rollback', { revision: 3 })
    some(7)
    await check('after all came back')
    t.match((await call('POST', '/v1/rules/b/zero')).body, { revision: 7, hits: 2 })
    await check('after one was zeroed')
    t.match((await call('GET', '/v1/rules/b')).body, { hits: 0, bytes: 0, lastHit: null })
    some(4)
    await check('and goes on')
    await services.tally.save()
    some(2)
    const left = decided - services.tally.retired().hits
    t.equal((await call('POST', '/v1/rules/zero', { reason: 'a new day' })).status, 200)
    await check('after all were zeroed')
    const { rules, default: none } = (await call('GET', '/v1/rules')).body
    for (const each of [...rules!, none]) t.match(each, { hits: 0, bytes: 0, lastHit: null })
    t.strictSame(store.counters.load(), [], 'the store has it, too')
    const [all, one] = store.audit.list(2)
    t.match(all, { action: 'rule.zero', target: '*', reason: 'a new day', detail: { hits: left } })
    t.match(one, { action: 'rule.zero', target: 'b', detail: { hits: 2 } })
    some(5)
    t.equal(services.tally.saveNow(), true)
    t.equal(services.tally.saveNow(), true)
  })
  await t.test('after a restart', async t => {
    const { call, services, store } = buildTestApp(t, { path })
    services.tally.restore()
    t.strictSame(await sums(call), { total: decided, byVerdict: decided })
    await call('PUT', '/v1/policy', { rules: [] })
    t.equal(await services.tally.save(), true)
    t.strictSame(await sums(call), { total: decided, byVerdict: decided })
    t.strictSame(
      store.counters.load().map(counter => counter.id),
      ['default'],
    )
  })
})

void t.test('counters whose rule went before they were folded are not lost', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  await t.test('first run', async t => {
    const { call, send, services } = await withTraffic(t, path)
    await call('POST', '/v1/rules', {
      id: 'a',
      action: 'accept',
      source: '*:*',
      destination: '*:1',
    })
    send(1)
    send(2)
    t.equal(await services.tally.save(), true)
    await call('DELETE', '/v1/rules/a')
  })
  await t.test('second run', async t => {
    const { call, services } = buildTestApp(t, { path })
    services.tally.restore()
    t.strictSame(await sums(call), { total: 2, byVerdict: 2 })
    t.match((await call('GET', '/v1/stats')).body, { retired: { hits: 1, bytes: 5 } })
  })
})

void t.test('thousands of counters are saved, turned and zeroed in parts, all of them', async t => {
  const { services, hypervisor, store, call } = buildTestApp(t)
  const rules = (action: string): object[] =>
    Array.from({ length: 3_000 }, (_, i) => ({
      id: `r-${i}`,
      action,
      source: `a${i}:1`,
      destination: 'b:1',
    }))
  const verdicts = async (): Promise<unknown> => (await call('GET', '/v1/stats')).body['verdicts']
  t.equal((await call('PUT', '/v1/policy', { rules: rules('accept') })).status, 200)
  const ids = ['default', ...hypervisor.policy.rules.map(rule => rule.id)]
  for (const id of ids.slice(1)) Object.assign(hypervisor.ruleCounter(id), { action: 'accept' })
  for (const id of ids) Object.assign(hypervisor.ruleCounter(id), { hits: 3, bytes: 7 })
  t.ok((await withTurns(() => services.tally.save()))[1] > 10, 'others had their turn')
  t.equal(store.counters.load().length, 3_001)
  t.ok(store.counters.load().every(({ hits }) => hits === 3))

  t.equal((await call('PUT', '/v1/policy', { rules: rules('drop') })).status, 200)
  for (const id of ids.slice(1)) hypervisor.ruleCounter(id).hits++
  const decided = { accept: { datagrams: 9_000, bytes: 21_000 }, drop: { datagrams: 3_000 } }
  t.match(await verdicts(), decided, 'what was decided before stays what it was')
  const cause = { actor: 'test', reason: '' }
  const zeroing = (): Promise<unknown> => services.rules.zero(undefined, cause)
  t.ok((await withTurns(zeroing))[1] > 10, 'others had their turn')
  t.match(store.audit.list(1), [{ action: 'rule.zero', detail: { hits: 12_003, bytes: 21_007 } }])
  t.ok([...hypervisor.ruleCounters.values()].every(({ hits, bytes }) => hits + bytes === 0))
  t.strictSame(store.counters.load(), [])
  t.match(await verdicts(), decided)
})

void t.test(
  'what is zeroed while it is saved, or after a rule of its name, is counted once',
  async t => {
    const { call, send, services, store, hypervisor } = await withTraffic(t)
    const rule = { id: 'a', action: 'accept', source: '*:*', destination: '*:1' }
    await call('POST', '/v1/rules', rule)
    send(1)
    await services.tally.save()
    await call('DELETE', '/v1/rules/a')
    await call('POST', '/v1/rules', rule)
    send(1)
    t.match((await call('POST', '/v1/rules/a/zero')).body, { hits: 1 })
    const stored = (): number => {
      const counted = store.counters.load().reduce((sum, { hits }) => sum + hits, 0)
      const retired = Object.values(store.counters.loadRetired())
      return retired.reduce((sum, { hits }) => sum + hits, counted)
    }
    t.equal(stored(), 2, 'both are on the disk')
    t.strictSame(await sums(call), { total: 2, byVerdict: 2 })

    for (let i = 0; i < 600; i++) hypervisor.ruleCounter(`x${i}`)
    send(1)
    const saving = services.tally.save()
    await call('POST', '/v1/rules/zero')
    t.equal(await saving, true)
    t.equal(stored(), 3)
    t.strictSame(await sums(call), { total: 3, byVerdict: 3 })
    t.match(await call('POST', '/v1/rules/nobody/zero'), { status: 404, body: { code: 'ENOENT' } })
  },
)

void t.test('a store that fails to save them is logged once and does not throw', async t => {
  const { services, store, hypervisor, logged } = buildTestApp(t)
  hypervisor.ruleCounter('default').hits = 7
  store.close()
  t.equal(await services.tally.save(), false)
  t.equal(services.tally.saveNow(), false)
  t.equal(logged.length, 1)
})
