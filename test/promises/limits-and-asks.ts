import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, V4vError, type Domain, type Ring } from '../../src/sdk/index.js'
import { spawnDaemon } from '../fixtures/daemon.js'

// A program that sends need not know that its rule has a rate, or that an operator is asked: the
// SDK goes on by itself, in order and without loss.

const daemon = await spawnDaemon(t)
await daemon.addDomains('web', 'db')
const { admin } = daemon

interface QuotaUse {
  readonly quotaUsed: number
  readonly quotaResets: number
}

interface AskList {
  readonly asks: readonly { readonly id: number }[]
}

async function rule(body: object): Promise<string> {
  return (await admin.ask<{ rule: { id: string } }>('POST', '/v1/rules', { position: 1, ...body }))
    .rule.id
}

/** Two clients, and what arrives at a port of the second. */
async function pair(
  way: 'unix' | 'ws',
  port: number,
): Promise<{ web: Domain; from: Ring; arrived: number[]; close: () => Promise<void> }> {
  const web = await connect(daemon.as('web', way))
  const db = await connect(daemon.as('db', way))
  const ring = await db.bind(port)
  const arrived: number[] = []
  const reading = (async () => {
    for await (const { data } of ring) arrived.push(Buffer.from(data).readUInt32LE())
  })()
  const close = async (): Promise<void> => {
    await web.close()
    await db.close()
    await reading
  }
  return { web, from: await web.bind(0), arrived, close }
}

function numbered(number: number): Buffer {
  const payload = Buffer.alloc(8)
  payload.writeUInt32LE(number)
  return payload
}

/** Asks until somebody waits. */
async function firstAsk(): Promise<number> {
  for (;;) {
    const { asks } = await admin.ask<AskList>('GET', '/v1/asks')
    if (asks[0] !== undefined) return asks[0].id
    await sleep(5)
  }
}

for (const way of ['unix', 'ws'] as const) {
  await t.test(
    `over ${way}, a burst beyond a rate arrives whole, in order, and no sooner`,
    async t => {
      const id = await rule({
        action: 'accept',
        source: 'web:*',
        destination: 'db:80',
        rate: '200/s',
        burst: 20,
      })
      const { from, arrived, close } = await pair(way, 80)
      const started = performance.now()
      await Promise.all(Array.from({ length: 100 }, (_, i) => from.send('db:80', numbered(i))))
      const tookMs = performance.now() - started
      t.same(
        arrived.slice(0, 100),
        Array.from({ length: arrived.length }, (_, i) => i).slice(0, 100),
      )
      t.ok(tookMs >= 395, `80 datagrams beyond the burst take 400 ms at least, not ${tookMs}`)
      const seen = await admin.ask<{ hits: number; limited: number }>('GET', `/v1/rules/${id}`)
      t.equal(seen.hits, 100)
      t.ok(seen.limited > 0)
      await close()
      await admin.removeRule(id)
    },
  )

  await t.test(
    `over ${way}, a flow waits for an operator, and goes on when it is granted`,
    async t => {
      const id = await rule({ action: 'ask', source: 'web:*', destination: 'db:81' })
      const { from, arrived, close } = await pair(way, 81)
      const sent = Promise.all(
        Array.from({ length: 50 }, (_, i) => from.send('db:81', numbered(i))),
      )
      const ask = await firstAsk()
      t.equal(arrived.length, 0)
      await admin.ask('POST', `/v1/asks/${ask}/grant`, { for: '1m' })
      await sent
      while (arrived.length < 50) await sleep(1)
      t.same(
        arrived,
        Array.from({ length: 50 }, (_, i) => i),
      )
      await admin.ask('DELETE', `/v1/grants/${ask}`)
      // The sender may hear of it before the operator does, who is answered when the disk has it.
      const refused = from.send('db:81', numbered(99)).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      await admin.ask('POST', `/v1/asks/${await firstAsk()}/deny`)
      const error = await refused
      t.ok(error instanceof V4vError && error.code === 'EPERM', String(error))
      await close()
      await admin.removeRule(id)
    },
  )

  await t.test(`over ${way}, a used quota holds a flow up until its counter is zeroed`, async t => {
    const flow = { action: 'accept', source: 'web:*', destination: 'db:82' }
    const id = await rule({ id: `quota-${way}`, ...flow, quota: '80/h' })
    const { from, arrived, close } = await pair(way, 82)
    const sent = Promise.all(Array.from({ length: 15 }, (_, i) => from.send('db:82', numbered(i))))
    while (arrived.length < 10) await sleep(1)
    const used = await admin.ask<QuotaUse>('GET', `/v1/rules/${id}`)
    t.match(used, { quota: '80/h', quotaUsed: 80, hits: 10 })
    t.ok(used.quotaResets > Date.now())
    await admin.ask('POST', `/v1/rules/${id}/zero`, {})
    await sent
    while (arrived.length < 15) await sleep(1)
    t.same(
      arrived,
      Array.from({ length: 15 }, (_, i) => i),
    )
    await close()
  })
}

await t.test('what became of flows, and what is used of quotas, outlives a restart', async t => {
  const history = await admin.ask<{ flows: { verdict: string; datagrams: number }[] }>(
    'GET',
    '/v1/flows/history?destination=db&verdict=accept',
  )
  t.equal(
    history.flows.reduce((sum, flow) => sum + flow.datagrams, 0),
    230,
  )
  const quota = await admin.ask<QuotaUse>('GET', '/v1/rules/quota-ws')
  t.equal(quota.quotaUsed, 40)
  const { stateDir } = daemon
  await daemon.stop()
  const again = await spawnDaemon(t, stateDir)
  t.same(await again.admin.ask('GET', '/v1/flows/history?destination=db&verdict=accept'), {
    ...history,
    lost: 0,
  })
  const { quotaUsed, quotaResets } = quota
  t.match(await again.admin.ask('GET', '/v1/rules/quota-ws'), { quotaUsed, quotaResets })
})
