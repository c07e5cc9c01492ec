import t from 'tap'
import { daemon, until } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = { 'a.yaml': 'rules:\n  - id: asked\n    ask: web:* -> db:5432\n' }

await t.test('an operator sees who waits, admits it, and finds it in the history', async t => {
  const place = await daemon(t, t.testdir(policy))
  for (const name of ['web', 'db']) await place.v4v(['domain', 'add', name])
  t.match((await place.v4v(['ask', 'ls'])).stderr, /nothing waits/)
  const listening = place.v4v(['listen', '5432', '--as', 'db', '--count', '2'])
  const sending = place.v4v(['send', 'db:5432', 'hello', '--as', 'web', '--wait'])
  await until(async () => /^ *1 +waits/m.test((await place.v4v(['ask', 'ls'])).stdout))
  const granted = await place.v4v(['ask', 'grant', '1', '--for', '10m', '--reason', 'known'])
  t.match(granted.stdout, /^web:\* may send to db:5432 until /)
  t.equal((await sending).code, 0)
  t.match((await place.v4v(['ask', 'ls'])).stdout, /^ *1 +granted +web:\* +db:5432 +dgram/m)
  t.equal((await place.v4v(['ask', 'deny', '1'])).code, 1)
  t.match((await place.v4v(['ask', 'revoke', '1'])).stdout, /has to ask again/)

  t.match((await place.v4v(['audit-mode'])).stdout, /^nothing is in audit mode/)
  const on = await place.v4v(['audit-mode', 'on', '--domain', 'web'])
  t.equal(on.stdout, 'in audit mode: web\n')
  t.equal((await place.v4v(['send', 'db:5432', 'again', '--as', 'web'])).code, 0)
  t.match((await listening).stdout, /hello\n.*again/)
  t.match((await place.v4v(['audit-mode', 'on'])).stdout, /^everything is in audit mode/)
  await place.v4v(['audit-mode', 'off'])
  await place.v4v(['audit-mode', 'off', '--domain', 'web'])
  t.equal((await place.v4v(['send', 'db:9', 'no', '--as', 'web'])).code, 1)

  t.match((await place.v4v(['flows', '--verdict', 'audit'])).stdout, /\(a\.yaml:2\)$/m)
  t.equal((await place.v4v(['flows', '--src', 'db'])).stdout, '')
  const { stdout } = await place.v4v(['flows', '--history', '--dst', 'db'])
  for (const verdict of ['ask', 'audit', 'reject']) t.match(stdout, new RegExp(`^${verdict} `, 'm'))
  const draft = await place.v4v(['policy', 'suggest', '--since', '1h'])
  t.match(draft.stdout, /accept: web:\* -> db:5432/)
  t.match(draft.stderr, /1 rules and 2 tests, of 3 flows/)
})
