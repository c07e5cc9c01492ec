import t from 'tap'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('metrics are in the text form of Prometheus and follow what happens', async t => {
  const { call } = buildTestApp(t)
  const before = await call('GET', '/metrics')
  t.equal(before.status, 200)
  t.match(before.text, /^# TYPE v4v\w* gauge$/m)
  await call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: 'db:1' })
  const after = await call('GET', '/metrics')
  t.match(after.text, /revision\S* 1$/m)
})
