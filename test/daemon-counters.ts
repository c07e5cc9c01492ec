import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import type { DomainDetail } from '../src/control/schemas/domain.js'
import type { RuleList } from '../src/control/schemas/rule.js'
import { connect } from '../src/sdk/index.js'
import {
  endProcess,
  spawnDaemon,
  startDaemon,
  until,
  type DaemonAccess,
} from './fixtures/daemon.js'
import { stateDir } from './fixtures/state-dir.js'

t.setTimeout(230_000)

const rules = [
  { id: 'small', action: 'accept', source: 'web:*', destination: 'db:1', maxBytes: 10 },
  { id: 'slow', action: 'accept', source: 'web:*', destination: 'db:2', rate: '1/h', burst: 1 },
]

function show({ admin }: DaemonAccess, name: string): Promise<DomainDetail> {
  return admin.ask('GET', `/v1/domains/${name}`)
}

async function counters({ admin }: DaemonAccess): Promise<unknown> {
  const list = await admin.ask<RuleList>('GET', '/v1/rules')
  return [...list.rules, { id: 'default', ...list.default }].map(
    ({ id, hits, bytes, limited, lastHit }) => ({ id, hits, bytes, limited, lastHit }),
  )
}

await t.test('counters and when who was seen outlast a change, a stop and a kill', async t => {
  const dir = stateDir(t)
  const first = await startDaemon(t, {}, { stateDir: dir })
  await first.addDomains('web', 'db')
  await first.admin.ask('PUT', '/v1/policy', { rules })
  const db = await connect(first.as('db'))
  for (const port of [1, 2]) await db.bind(port)
  const web = await connect(first.as('web'))
  const sending = await web.bind(80)
  await sending.send('db:1', new Uint8Array(10))
  await t.rejects(sending.send('db:1', new Uint8Array(11)), { code: 'EMSGSIZE' })
  await t.rejects(sending.send('db:3', new Uint8Array(1)), { code: 'EPERM' })
  await sending.send('db:2', new Uint8Array(5))
  const over = sending.send('db:2', new Uint8Array(5), { timeoutMs: 100 })
  await t.rejects(over, { code: 'ETIMEDOUT' })
  await until(
    () => first.admin.ask<{ limited: number }>('GET', '/v1/rules/slow'),
    ({ limited }) => limited > 0,
  )
  await first.admin.ask('PATCH', '/v1/rules/small', { comment: 'another revision' })
  const expected = [
    { id: 'small', hits: 2, bytes: 21, limited: 1, lastHit: Number },
    { id: 'slow', hits: 1, bytes: 5, limited: Number, lastHit: Number },
    { id: 'default', hits: 1, bytes: 1, limited: 0, lastHit: Number },
  ]
  const before = await counters(first)
  t.match(before, expected)
  t.match((await show(first, 'web')).undelivered.from, { EMSGSIZE: 1, EPERM: 1, EDQUOT: Number })
  await first.daemon.close()
  const stoppedAt = Date.now()

  const second = await spawnDaemon(t, dir)
  t.same(await counters(second), before)
  const { lastSeenAt } = await show(second, 'web')
  t.ok(lastSeenAt! > stoppedAt - 60_000 && lastSeenAt! <= stoppedAt, 'when the first one ended')
  await using again = await connect(second.as('web', 'own-socket'))
  await again.close()
  const left = await until(
    () => show(second, 'web'),
    domain => domain.sessions === 0 && domain.lastSeenAt! > stoppedAt,
  )
  const database = new Sqlite(join(dir, 'v4vd.sqlite'), { readonly: true })
  const stored = database.prepare<[], { at: number }>(
    "SELECT last_seen_at AS at FROM domains WHERE name = 'web'",
  )
  await until(
    () => stored.get(),
    row => row?.at === left.lastSeenAt,
  )
  const kept = database.prepare<[], { body: string }>('SELECT body FROM disconnects ORDER BY seq')
  await until(
    () => kept.all(),
    rows => rows.some(({ body }) => body.includes('"reason":"left"')),
  )
  database.close()
  await endProcess(second.child, 'SIGKILL')

  const third = await spawnDaemon(t, dir)
  t.same(await counters(third), before)
  t.equal((await show(third, 'web')).lastSeenAt, left.lastSeenAt)
  const path = '/v1/disconnects?domain=web&reason=left'
  const ends = await third.admin.ask<{ disconnects: object[] }>('GET', path)
  t.ok(ends.disconnects.length > 0, 'how its sessions ended is known, too')
})

await t.test(
  'a domain that is kicked is gone, whatever way it came and whatever it does',
  async t => {
    const daemon = await startDaemon(t)
    await daemon.addDomains('web')
    const clients = await Promise.all(
      (['unix', 'ws', 'own-socket'] as const).map(way => connect(daemon.as('web', way))),
    )
    await clients[0]!.bind(80)
    t.match(await show(daemon, 'web'), { sessions: 3, rings: 1, ringDetails: [{ port: 80 }] })
    const kicked = await daemon.admin.ask('POST', '/v1/domains/web/kick', { reason: 'odd' })
    t.match(kicked, { sessions: 3 })
    t.match(await show(daemon, 'web'), {
      sessions: 0,
      rings: 0,
      ringDetails: [],
      sessionDetails: [],
    })
    for (const client of clients) {
      t.match(await client.closed, {
        code: 'ECONNRESET',
        message: /an admin ended the session: odd/,
      })
    }
  },
)
