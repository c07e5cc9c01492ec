import t from 'tap'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('a change made through the services is in the store and in force together', async t => {
  const { services, store, hypervisor } = buildTestApp(t)
  const before = services.revision()
  const added = await services.rules.insert(
    { action: 'accept', source: 'web:*', destination: 'db:5432' },
    { actor: 'test', reason: 'why not' },
  )
  t.ok(added.ok)
  t.equal(services.revision(), before + 1)
  t.equal(store.policies.currentRevision(), before + 1)
  t.equal(hypervisor.policy.rules.length, 1)
  t.match(services.audit.list(1), [{ actor: 'test', reason: 'why not' }])
})

void t.test('the parts say that all is well', t => {
  const { services } = buildTestApp(t)
  t.ok(services.health().length > 0)
  t.ok(services.health().every(check => check.ok))
  t.end()
})
