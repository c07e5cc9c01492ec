import t from 'tap'
import { buildTestApp } from '../fixtures/build-app.js'

void t.test('every change leaves one record, and the chain of them holds', async t => {
  const { call, store, tokenId } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web', reason: 'new' })
  await call('PATCH', '/v1/domains/web', { tags: ['a'] })
  await call('POST', '/v1/domains/web/kick')
  await call('POST', '/v1/domains/web/tokens')
  await call('DELETE', '/v1/tokens/2')
  await call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: '*:*' })
  await call('PATCH', '/v1/rules/r1', { action: 'drop' })
  await call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: '*:*' })
  await call('PATCH', '/v1/rules/r1', { position: 2 })
  await call('DELETE', '/v1/rules/r1')
  await call('PUT', '/v1/policy', { rules: [] })
  await call('DELETE', '/v1/domains/web')
  const records = store.audit.list(100).toReversed()
  t.strictSame(
    records.map(record => record.action),
    [
      'domain.add',
      'domain.patch',
      'domain.kick',
      'token.issue',
      'token.revoke',
      'rule.insert',
      'rule.update',
      'rule.insert',
      'rule.move',
      'rule.remove',
      'policy.replace',
      'domain.remove',
    ],
  )
  t.ok(records.every(record => record.actor === `token:${tokenId}`))
  t.ok(records.every(({ auth, origin }) => auth === 'token' && origin === '127.0.0.1'))
  t.match(records[5], { revisionBefore: 0, revisionAfter: 1, target: 'r1' })
  t.match(store.audit.verify(), { ok: true, records: 12 })

  t.match((await call('GET', '/v1/audit?limit=1&before=2')).body, {
    records: [{ seq: 1, action: 'domain.add', reason: 'new', auth: 'token', revisionBefore: null }],
  })
  t.equal((await call('GET', '/v1/audit')).body.records?.length, 12)
  t.equal((await call('GET', '/v1/audit?limit=0')).status, 400)
  t.equal((await call('GET', '/v1/audit?limit=9999')).status, 400)

  const { body: head } = await call('GET', '/v1/audit/head')
  t.same(head, { seq: 12, hash: records[11]?.hash })
  const verify = '/v1/audit/verify?head='
  t.match((await call('GET', `${verify}12:${String(head['hash'])}`)).body, {
    ok: true,
    records: 12,
  })
  t.match((await call('GET', `${verify}13:${String(head['hash'])}`)).body, {
    ok: false,
    seq: 13,
    message: /at least records 13 to 13 are lost/,
  })
  t.match((await call('GET', `${verify}12`)).status, 400)
})
