import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, V4vError, type Domain } from '../../src/sdk/index.js'
import { startDaemon, until } from '../fixtures/daemon.js'
import { RawUnixClient, RawWsClient } from '../fixtures/raw-client.js'

// Who gets in, for how long, and what everybody else is told.

const daemon = await startDaemon(t, { pingIntervalMs: 100 })
await daemon.addDomains('web', 'db')
const hasty = await startDaemon(t, { authenticationTimeoutMs: 100 })
const ways = ['unix', 'ws'] as const

async function refused(options: { url: string; token?: string }): Promise<V4vError> {
  try {
    await connect(options)
  } catch (error) {
    if (error instanceof V4vError) return error
    throw error
  }
  throw new Error('it was let in')
}

/** A token that soon expires; a life that was over before the daemon heard of it is doubled. */
async function shortLived(lifeMs: number): Promise<{ text: string; expiresAt: number }> {
  for (let ms = lifeMs; ; ms *= 2) {
    const expiresAt = Date.now() + ms
    const path = '/v1/domains/web/tokens'
    const { status, body } = await daemon.admin.request<{ text: string }>('POST', path, {
      expiresAt,
    })
    if (status === 201) return { text: body.text, expiresAt }
    if (Date.now() < expiresAt) throw new Error(`${status} ${JSON.stringify(body)}`)
  }
}

/** Attached by a token that soon expires, but not before that. */
async function attachedForAWhile(url: string): Promise<Domain> {
  for (let lifeMs = 400; ; lifeMs *= 2) {
    const { text } = await shortLived(lifeMs)
    const domain = await connect({ url, token: text }).catch((error: unknown) => {
      if (error instanceof V4vError && error.code === 'EKEYEXPIRED') return undefined
      throw error
    })
    if (domain !== undefined) return domain
  }
}

for (const way of ways) {
  await t.test(`over ${way}, a token that is not valid is refused with the reason`, async t => {
    const { url, token } = daemon.as('web', way)
    const [kind, id] = token!.split('_')
    const madeUp = `${kind}_${id}_${'A'.repeat(43)}`
    for (const wrong of ['', 'x', 'v4v_1_short', madeUp, `v4v_999999_${'A'.repeat(43)}`]) {
      const error = await refused({ url, token: wrong })
      t.equal(error.code, 'EACCES')
      t.ok(error.message.length > 20 && !error.message.includes('A'.repeat(9)), error.message)
    }
    t.equal((await refused({ url, token: daemon.admin.token })).code, 'EACCES', "an admin's")
    const old = await shortLived(200)
    while (Date.now() <= old.expiresAt) await sleep(10)
    t.match(await refused({ url, token: old.text }), { code: 'EKEYEXPIRED', errno: 127 })
    const gone = await daemon.admin.issueToken('web')
    await daemon.admin.ask('DELETE', `/v1/tokens/${gone.id}`)
    t.match(await refused({ url, token: gone.text }), { code: 'EKEYREVOKED', errno: 128 })
    const web = await connect({ url, token: token! })
    t.equal(web.name, 'web')
    await web.close()
  })

  await t.test(`over ${way}, a token that is revoked or expires ends its sessions`, async t => {
    const { url, token } = daemon.as('web', way)
    const issued = await daemon.admin.issueToken('web')
    const [stays, revoked] = await Promise.all(
      [token!, issued.text].map(text => connect({ url, token: text })),
    )
    const expires = await attachedForAWhile(url)
    await daemon.admin.ask('DELETE', `/v1/tokens/${issued.id}`)
    t.match((await revoked!.closed)?.cause, { code: 'EKEYREVOKED' })
    t.match((await expires.closed)?.cause, { code: 'EKEYEXPIRED' })
    t.match(await stays!.notify([]), [], 'the sessions of other tokens go on')
    await stays!.close()
  })

  await t.test(`over ${way}, who does not say who it is has little time`, async t => {
    const client =
      way === 'unix' ? new RawUnixClient(hasty.socketPath) : await RawWsClient.open(hasty.wsUrl)
    t.match(await client.closed(), { errno: 110, reason: /no HELLO within 100 ms/ })
  })
}

await t.test('only so many may be there without saying who they are', async t => {
  const full = await startDaemon(t, { connectionsUnauthenticatedMax: 4 })
  await full.addDomains('web')
  const idle = Array.from({ length: 4 }, () => new RawUnixClient(full.socketPath))
  for (const { socket } of idle) if (socket.connecting) await once(socket, 'connect')
  // They are taken in in their order.
  const beyond = new RawUnixClient(full.socketPath)
  t.match(await beyond.closed(), { errno: 28, reason: /who they are/ })
  const ws = await RawWsClient.open(full.wsUrl)
  await ws.closed()
  t.equal(ws.close?.code, 1013)
  for (const client of idle) {
    client.end()
    await client.closed()
  }
  const web = await until(
    () => connect(full.as('web')).catch(() => undefined),
    domain => domain !== undefined,
  )
  t.pass('when they are gone there is room again')
  await web!.close()
})

await t.test('a token of one domain does not open the socket of another', async t => {
  const error = await refused({
    url: `unix:${daemon.domainSocket('db')}`,
    token: daemon.tokens.get('web')!,
  })
  t.equal(error.code, 'EACCES')
})

await t.test('a domain that is disabled, kicked or removed has no sessions', async t => {
  await daemon.addDomains('guest')
  const attach = () => connect(daemon.as('guest', 'own-socket'))
  const first = await attach()
  await daemon.admin.ask('PATCH', '/v1/domains/guest', { enabled: false })
  t.match((await first.closed)?.message, /not enabled/)
  t.equal((await refused(daemon.as('guest', 'own-socket'))).code, 'EACCES')
  t.equal((await refused(daemon.as('guest'))).code, 'EACCES')
  await daemon.admin.ask('PATCH', '/v1/domains/guest', { enabled: true })
  const second = await attach()
  await daemon.admin.ask('POST', '/v1/domains/guest/kick', {})
  t.ok(await second.closed)
  const third = await attach()
  await daemon.admin.ask('DELETE', '/v1/domains/guest')
  t.match((await third.closed)?.message, /removed/)
  t.equal((await refused(daemon.as('guest', 'own-socket'))).code, 'ECONNREFUSED')
  t.equal((await refused(daemon.as('guest'))).code, 'EACCES')
})

await t.test('a session that answers no ping is ended, one that only listens is not', async t => {
  const silent = await RawUnixClient.attach(daemon.socketPath, daemon.tokens.get('web'))
  const listening = await connect(daemon.as('web', 'ws'))
  t.match(await silent.closed(), { errno: 110 })
  await sleep(500)
  t.match(await listening.notify([]), [])
  await listening.close()
  await until(
    () => [...daemon.daemon.hypervisor.sessions()].length,
    sessions => sessions === 0,
  )
})
