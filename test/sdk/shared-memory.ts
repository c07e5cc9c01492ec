import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, type Domain, type Ring } from '../../src/sdk/index.js'
import { Prng, seedOf } from '../fixtures/prng.js'
import { startDaemon, type TestDaemon } from '../fixtures/daemon.js'
import { loadNative } from '../../src/native/native.js'

if ((await loadNative()) === undefined) {
  t.pass('no memory can be shared here')
  process.exit(0)
}

const MIB = 1024 * 1024

/** A daemon that lets `web` send to `db`, and both of them attached. */
async function pair(
  t: Parameters<typeof startDaemon>[0],
  limits: Parameters<typeof startDaemon>[1] = {},
  sharedMemory: 'auto' | 'require' = 'require',
): Promise<{ daemon: TestDaemon; web: Domain; db: Domain }> {
  const daemon = await startDaemon(t, limits)
  await daemon.addDomains('web', 'db')
  await daemon.admin.addRule('accept', 'web:*', 'db:*')
  const web = await connect({ ...daemon.as('web'), sharedMemory })
  const db = await connect({ ...daemon.as('db'), sharedMemory })
  t.teardown(() => Promise.all([web.close(), db.close()]))
  return { daemon, web, db }
}

/** Sends payloads as fast as it can. @returns the SHA-256 of all of them. */
async function sendAll(ring: Ring, to: string, payloads: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for (const payload of payloads) {
    hash.update(payload)
    while (!ring.trySend(to, payload)) await once(ring, 'drain')
  }
  return hash.digest('hex')
}

/** Receives so many datagrams. @returns the SHA-256 of all of them. */
async function receiveAll(ring: Ring, count: number, restMs?: number): Promise<string> {
  const hash = createHash('sha256')
  let received = 0
  for await (const batch of ring.batches()) {
    for (let i = 0; i < batch.length; i++) hash.update(batch.data(i))
    received += batch.length
    if (received === count) break
    if (restMs !== undefined) await sleep(restMs)
  }
  return hash.digest('hex')
}

const prng = new Prng(seedOf())
const noiseBytes = Buffer.from(Int32Array.from({ length: 3 * MIB }, () => prng.u32()).buffer)

/** Payloads, each from another place of the noise. */
function* noise(count: number, bytesOf: (i: number) => number): Iterable<Uint8Array> {
  for (let i = 0; i < count; i++) {
    const bytes = bytesOf(i)
    const start = prng.below(noiseBytes.length - bytes + 1)
    yield noiseBytes.subarray(start, start + bytes)
  }
}

await t.test('sessions say that they share memory, on both sides', async t => {
  const { daemon, web } = await pair(t)
  t.equal(web.transport, 'shared-memory')
  const { value } = await web.status().next()
  t.match(value, { kind: 'connected', transport: 'shared-memory' })
  const sessions = await daemon.admin.sessions()
  t.same(
    sessions.map(({ transport }) => transport),
    ['shared-memory', 'shared-memory'],
  )
})

await t.test('messages of every size arrive whole and in order', async t => {
  const { web, db } = await pair(t)
  const sizes = [0, 1, 15, 16, 17, 4096, 65_536, 131_072, 262_000, 262_144, MIB, 3 * MIB, 8 * MIB]
  const sink = await db.bind(9, { size: '16MiB' })
  const ring = await web.bind(0)
  const payloads = [...noise(sizes.length * 3, i => sizes[i % sizes.length]!)]
  const [sent, received] = await Promise.all([
    sendAll(ring, 'db:9', payloads),
    receiveAll(sink, payloads.length),
  ])
  t.equal(received, sent)
  for (const payload of payloads.slice(0, sizes.length)) {
    await Promise.all([
      ring.sendv('db:9', [payload.subarray(0, 3), payload.subarray(3)]),
      sink.receive().then(({ data }) => t.ok(Buffer.from(data).equals(payload))),
    ])
  }
})

await t.test('a slow reader gets everything, in order, of many that are refused', async t => {
  const { web, db } = await pair(t)
  const sink = await db.bind(9, { size: '64KiB' })
  const ring = await web.bind(0)
  const count = 5_000
  const [sent, received] = await Promise.all([
    sendAll(
      ring,
      'db:9',
      noise(count, i => (i * 31) % 3000),
    ),
    receiveAll(sink, count, 0),
  ])
  t.equal(received, sent)
})

await t.test('rings beyond what is shared are read by way of copies', async t => {
  const { web, db } = await pair(t, { sharedMemoryBytesPerSession: 128 * 1024 })
  const rings = await Promise.all(
    Array.from({ length: 12 }, (_, i) => db.bind(100 + i, { size: '32KiB' })),
  )
  const count = 1500
  const results = await Promise.all(
    rings.map(async (sink, i) => {
      const ring = await web.bind(0)
      const payloads = [...noise(count, j => (i * 100 + j * 7) % 5000)]
      const [sent, received] = await Promise.all([
        sendAll(ring, `db:${100 + i}`, payloads),
        receiveAll(sink, count),
      ])
      return sent === received
    }),
  )
  t.ok(results.every(isSame => isSame))
})

await t.test('memory of rings that were closed serves others', async t => {
  const { web, db } = await pair(t, { sharedMemoryBytesPerSession: 2 * MIB })
  const ring = await web.bind(0)
  for (let round = 0; round < 12; round++) {
    const sink = await db.bind(9, { size: round % 2 === 0 ? '1MiB' : '300KiB' })
    const payloads = [...noise(40, i => 1000 * round + i)]
    const sending = sendAll(ring, 'db:9', payloads)
    t.equal(await receiveAll(sink, payloads.length), await sending)
    // What nobody has read goes with the ring.
    await ring.send('db:9', new Uint8Array(100_000).fill(round))
    await sink.close()
    await t.rejects(ring.send('db:9', new Uint8Array(1)), { code: 'ECONNREFUSED' })
  }
})

await t.test('closing with messages on the way settles each of them', async t => {
  const { web, db } = await pair(t)
  const sink = await db.bind(9, { size: '1MiB' })
  const ring = await web.bind(0)
  const sends = Array.from({ length: 200 }, () => ring.send('db:9', new Uint8Array(20_000)))
  const outcomes = Promise.allSettled(sends)
  await sleep(5)
  await web.close({ timeoutMs: 50 })
  const accepted = (await outcomes).filter(({ status }) => status === 'fulfilled').length
  t.ok(accepted < sends.length, 'the ring has not room for all')
  let received = 0
  while (received < accepted) {
    await sink.receive({ timeoutMs: 60_000 })
    received++
  }
  t.equal(received, accepted)
})

await t.test('a session that the daemon ends is told why, and reads what had arrived', async t => {
  const { daemon, web, db } = await pair(t)
  const sink = await db.bind(9)
  for (let i = 0; i < 10; i++) await web.send('db:9', new Uint8Array(1000).fill(i))
  await daemon.admin.request('POST', '/v1/domains/db/kick')
  t.match(await db.closed, { code: 'ECONNRESET' })
  for (let i = 0; i < 10; i++) {
    const { data } = await sink.receive()
    t.ok(data.length === 1000 && data.every(byte => byte === i))
  }
  await t.rejects(sink.receive(), { code: 'ECONNRESET' })
})

await t.test('who may share no more goes on over the socket', async t => {
  const limits = { sharedMemoryBytesPerDomainMax: 1 }
  const { daemon, web, db } = await pair(t, limits, 'auto')
  t.equal(web.transport, 'unix')
  const sink = await db.bind(9)
  await web.send('db:9', Buffer.from('over the socket'))
  t.same(Buffer.from((await sink.receive()).data), Buffer.from('over the socket'))
  const required = connect({ ...daemon.as('web'), sharedMemory: 'require' })
  await t.rejects(required, { code: 'EOPNOTSUPP' })
  const off = await connect({ ...daemon.as('web'), sharedMemory: 'off' })
  t.equal(off.transport, 'unix')
  await off.close()
})

await t.test('memory is given back when the session is closed', async t => {
  const { daemon, web } = await pair(t)
  const db = await connect({ ...daemon.as('db'), sharedMemory: 'require' })
  const sink = await db.bind(9)
  await web.send('db:9', new Uint8Array(1000).fill(1))
  const { value } = await sink.batches().next()
  t.equal(value?.data(0)[999], 1)
  const { bytes } = value!
  await db.close()
  t.ok(bytes.every(byte => byte === 0))
})

await t.test('requests are answered at once by one who waits for them', async t => {
  const { daemon, web, db } = await pair(t)
  await daemon.admin.addRule('accept', 'db:*', 'web:*')
  const sink = await db.bind(9)
  const serving = (async () => {
    for await (const datagram of sink) await datagram.reply(datagram.data.toReversed())
  })()
  for (let i = 0; i < 500; i++) {
    const { data } = await web.request('db:9', Uint8Array.of(1, 2, i & 255), { timeoutMs: 60_000 })
    if (data[0] !== (i & 255) || data.length !== 3) t.fail('the answer to another request')
  }
  t.equal(db.transport, 'shared-memory')
  await db.close()
  await serving
})

for (const sharedMemory of ['require', 'off'] as const) {
  await t.test(
    `a client that waits uses no processor time, and one that is done ends (${sharedMemory})`,
    async t => {
      const { daemon, db } = await pair(t)
      const sink = await db.bind(9)
      const script = `
    import { connect } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)}
    const domain = await connect(${JSON.stringify({ ...daemon.as('web'), sharedMemory, polling: 50 })})
    const ring = await domain.bind(0)
    for (let i = 0; i < 100; i++) await ring.send('db:9', Buffer.from('x'))
    let turns = 0
    const { setImmediate } = globalThis
    globalThis.setImmediate = work => setImmediate(work, ++turns)
    await ring.send('db:9', Buffer.from('x'))
    console.log(turns > 0 ? 'it looks' : 'it does not look')
    for (let before; before !== turns; ) {
      before = turns
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    await domain.close()
    console.log('it slept')`
      const args = ['--input-type=module', '--eval', script]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const said = text(child.stdout)
      const [code] = (await once(child, 'exit')) as [number]
      t.equal(code, 0)
      t.equal(await said, 'it looks\nit slept\n')
      for (let i = 0; i < 100; i++) await sink.receive()
    },
  )
}
