import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { viewState } from '../../../src/store/state-view.js'
import { stateDir } from '../../fixtures/state-dir.js'
import { buildTestApp } from '../fixtures/build-app.js'

void t.test('the files of a daemon that runs are looked at, and copied', async t => {
  const { app, call, store, token } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules: [] })
  const check = await call('GET', '/v1/state/check')
  t.match(check, { status: 200, body: { revision: 0, findings: [{ name: 'files' }, {}] } })

  const headers = { authorization: `Bearer ${token}`, 'x-v4v-reason': 'nightly' }
  const answers = await Promise.all(
    [1, 2].map(() => app.inject({ method: 'POST', url: '/v1/state/backup', headers })),
  )
  const codes = answers.map(({ statusCode }) => statusCode)
  t.ok(codes.includes(200) && codes.includes(503), 'one at a time')
  const answer = answers.find(({ statusCode }) => statusCode === 200)!
  t.equal(answer.headers['content-type'], 'application/vnd.sqlite3')
  const copy = join(stateDir(t), 'copy')
  writeFileSync(copy, answer.rawPayload)
  const view = viewState(copy)!
  t.match(view.audit.list(1), [{ action: 'state.backup', auth: 'token', reason: 'nightly' }])
  view.close()

  store.policies.append({
    ...{ author: 'a', reason: '', format: 2, rules: 0, body: Buffer.from('x') },
    hash: Buffer.alloc(32),
  })
  t.match(await call('GET', '/v1/state/check'), { body: { status: 'degraded', revision: 0 } })
  writeFileSync(join(dirname(store.path), 'backup.unfinished'), 'half of one')
  t.equal((await app.inject({ method: 'POST', url: '/v1/state/backup', headers })).statusCode, 200)
})
