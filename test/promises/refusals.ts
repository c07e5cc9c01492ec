import t from 'tap'
import { errorInfo, type ErrorCode } from '../../src/abi/errno.js'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { FRAME } from '../../src/abi/frame.js'
import { connect, V4vError, type Domain } from '../../src/sdk/index.js'
import { startDaemon, until, type TestDaemon } from '../fixtures/daemon.js'
import { decodeSent, encodeSend, RawUnixClient } from '../fixtures/raw-client.js'

// Every outcome of a send that is not "ok": its code, its sentence, and the id of the decision.

const bytes = new TextEncoder().encode('hello')

async function refused(sending: Promise<unknown>): Promise<V4vError> {
  try {
    await sending
  } catch (error) {
    if (error instanceof V4vError) return error
    throw error
  }
  throw new Error('it was not refused')
}

const daemon = await startDaemon(t, { waitersPerRingMax: 1 })
await daemon.addDomains('web', 'db', 'third', 'fourth')
await daemon.admin.addRule('accept', 'web:*', 'db:*')
await daemon.admin.addRule('accept', 'third:*', 'db:*')
await daemon.admin.addRule('accept', 'fourth:*', 'db:*')
await daemon.admin.addRule('accept', 'web:*', 'nobody:*')
await daemon.admin.addRule('drop', 'web:*', 'db:9')

/** What the daemon's flow log knows of a decision. */
interface Decision {
  readonly verdict: string
  readonly code: ErrorCode | null
}

async function decisionOf(error: V4vError): Promise<Decision> {
  return daemon.admin.ask<Decision>('GET', `/v1/decisions/${error.decisionId}`)
}

for (const way of ['unix', 'ws', 'own-socket'] as const) {
  await t.test(`over ${way}, what is decided for good is told with its decision`, async t => {
    const web = await connect(daemon.as('web', way))
    const db = await connect(daemon.as('db', way))
    const third = await connect(daemon.as('third', way))
    const ring = await web.bind(80)
    await db.bind(5432, { size: 4096 })
    const cases: [ErrorCode, () => Promise<unknown>, string][] = [
      ['EPERM', () => third.send('web:80', bytes), 'reject'],
      ['EPERM', () => third.send('nowhere:80', bytes), 'reject'],
      ['ESRCH', () => ring.send('nobody:1', bytes), 'error'],
      ['ECONNREFUSED', () => ring.send('db:1', bytes), 'error'],
      ['EMSGSIZE', () => ring.send('db:5432', new Uint8Array(4096 - 31)), 'error'],
    ]
    for (const [code, send, verdict] of cases) {
      const error = await refused(send())
      const { errno, sentence, retryable } = errorInfo(code)
      t.match(error, { code, errno, retryable })
      t.ok(error.message.includes(sentence), error.message)
      t.match(await decisionOf(error), { verdict, code })
    }
    await ring.send('db:5432', new Uint8Array(4096 - 32))
    t.pass('32 bytes less than the ring do fit')
    await Promise.all([web.close(), db.close(), third.close()])
  })
}

await t.test('a drop looks like success to the sender, and is counted', async t => {
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  const ring = await db.bind(9)
  await web.send('db:9', bytes)
  await web.send('db:10', bytes).catch(() => undefined)
  const { verdicts } = await daemon.admin.stats()
  t.equal(verdicts.drop.datagrams, 1)
  await t.rejects(ring.receive({ timeoutMs: 100 }), { code: 'ETIMEDOUT' })
  await Promise.all([web.close(), db.close()])
})

await t.test('what the client itself can tell is told before anything is sent', async t => {
  const web = await connect(daemon.as('web'))
  const ring = await web.bind(0)
  const many = Array.from({ length: 9 }, () => bytes)
  t.match(await refused(ring.sendv('db:1', many)), { code: 'EINVAL' })
  t.match(await refused(ring.send('db', bytes)), { code: 'EINVAL', message: /NAME:PORT/ })
  t.match(await refused(ring.send('db:1', new Uint8Array(2 ** 24))), { code: 'EMSGSIZE' })
  await ring.close()
  t.match(await refused(ring.send('db:1', bytes)), { code: 'EADDRNOTAVAIL' })
  await web.close()
})

await t.test('a ring that goes fails what waits for space in it', async t => {
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  const ring = await db.bind(5432, { size: 128 })
  const from = await web.bind(0)
  await from.send('db:5432', new Uint8Array(96))
  const waiting = refused(from.send('db:5432', bytes))
  await until(
    () => waiters(daemon),
    count => count === 1,
  )
  await ring.close()
  const error = await waiting
  t.match(error, { code: 'ECONNRESET', errno: 104, retryable: true })
  t.match(error.message, /went away before the message was accepted/)
  await Promise.all([web.close(), db.close()])
})

await t.test('a session that ends fails what was not decided', async t => {
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  await db.bind(5432, { size: 128 })
  const from = await web.bind(0)
  await from.send('db:5432', new Uint8Array(96))
  const waiting = refused(from.send('db:5432', bytes))
  await daemon.admin.ask('POST', '/v1/domains/web/kick', { reason: 'test' })
  t.match(await waiting, { code: 'ECONNRESET' })
  t.ok(await web.closed, 'and says why the session ended')
  await db.close()
})

await t.test('where there is no space a send waits, for as long as it is told', async t => {
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  const ring = await db.bind(5432, { size: 128 })
  const from = await web.bind(0)
  await from.send('db:5432', new Uint8Array(96))
  t.match(await refused(from.send('db:5432', bytes, { timeoutMs: 50 })), { code: 'ETIMEDOUT' })
  await t.rejects(from.send('db:5432', bytes, { signal: AbortSignal.timeout(50) }), {
    name: 'AbortError',
  })
  const waiting = from.send('db:5432', Uint8Array.of(7))
  t.equal((await ring.receive()).data.length, 96)
  t.same((await ring.receive()).data, Uint8Array.of(7), 'what was given up never arrives')
  await waiting
  await Promise.all([web.close(), db.close()])
})

await t.test('on the wire the reasons for want of space are told apart', async t => {
  const attach = (name: string) => RawUnixClient.attach(daemon.socketPath, daemon.tokens.get(name))
  const [web, db, third, fourth] = [
    await attach('web'),
    await attach('db'),
    await attach('third'),
    await attach('fourth'),
  ]
  const target = daemon.daemon.hypervisor.domainNamed('db')!.id
  const to = { target, port: 5432, sourcePort: 1 }
  await db.register(5432, 272)
  for (const client of [web, third, fourth]) await client.register(1, 64)
  const send = async (client: RawUnixClient, firstSeq: number, count: number, size = 16) => {
    const payloads = Array.from({ length: count }, () => new Uint8Array(size))
    client.write(encodeSend({ ...to, firstSeq }, payloads))
    return decodeSent(await client.take(FRAME.SENT)).failures
  }
  t.same(await send(web, 0, 4), [], 'web has half of the ring')
  t.same(await send(third, 0, 4), [], 'and third the other half')
  t.match(await send(web, 4, 1), [{ firstSeq: 4, errno: 11 }], 'the ring is full: EAGAIN')
  t.match(await send(fourth, 0, 1), [{ firstSeq: 0, errno: 16 }], 'and so its waiters: EBUSY')
  web.end()
  db.end()
  third.end()
  fourth.end()

  const [a, b, c] = [await attach('web'), await attach('db'), await attach('third')]
  await b.register(5432, 272)
  await a.register(1, 64)
  await c.register(1, 64)
  t.same(await send(c, 0, 1), [])
  t.match(await send(a, 0, 5), [{ firstSeq: 4, count: 1, errno: 122 }], 'its share: EDQUOT')
  a.write(encodeSend({ ...to, sourcePort: 2, firstSeq: 5 }, [bytes]))
  t.match(decodeSent(await a.take(FRAME.SENT)).failures, [{ errno: 99 }], 'EADDRNOTAVAIL')
  a.write(encodeSend({ ...to, firstSeq: 6, type: MESSAGE_TYPES.dgram + 1 }, [bytes]))
  t.match(decodeSent(await a.take(FRAME.SENT)).failures, [{ errno: 22 }], 'EINVAL')
  for (const client of [a, b, c]) client.end()
})

await t.test('through the SDK, a send that took too long tells what it waited for', async t => {
  const attach = (...names: string[]) => Promise.all(names.map(name => connect(daemon.as(name))))
  const payload = new Uint8Array(16)
  const send = (from: Domain | undefined, options: { timeoutMs?: number } = {}) =>
    from!.send('db:5432', payload, options)
  const waitedFor = async (from: Domain | undefined, code: ErrorCode) => {
    const { sentence } = errorInfo(code)
    let error: V4vError
    // A time that was over before the daemon's answer was read is doubled.
    for (let timeoutMs = 200; ; timeoutMs *= 2) {
      error = await refused(send(from, { timeoutMs }))
      if (error.cause !== undefined || timeoutMs > 60_000) break
    }
    t.match(error, { code: 'ETIMEDOUT', cause: { code, message: `${code}: db:5432: ${sentence}` } })
  }
  const [web, db, third, fourth] = await attach('web', 'db', 'third', 'fourth')
  await db!.bind(5432, { size: 272 }) // room for eight
  for (let i = 0; i < 4; i++) await Promise.all([send(web), send(third)])
  await waitedFor(web, 'EAGAIN')
  await waitedFor(fourth, 'EBUSY')
  await Promise.all([web, db, third, fourth].map(domain => domain!.close({ timeoutMs: 100 })))

  const [a, b, c] = await attach('web', 'db', 'third')
  await b!.bind(5432, { size: 272 })
  await send(c)
  for (let i = 0; i < 4; i++) await send(a)
  await waitedFor(a, 'EDQUOT')
  await Promise.all([a, b, c].map(domain => domain!.close({ timeoutMs: 100 })))
})

async function waiters(from: TestDaemon): Promise<number> {
  return (await from.admin.rings()).reduce((sum, ring) => sum + ring.waiters, 0)
}
