import t from 'tap'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { decodeNotified, encodeNotify, encodePing } from '../../src/abi/control-frame.js'
import { FRAME } from '../../src/abi/frame.js'
import { connect, type V4vError } from '../../src/sdk/index.js'
import { startDaemon } from '../fixtures/daemon.js'
import { Prng, seedOf } from '../fixtures/prng.js'
import {
  decodeSent,
  encodeSend,
  RawUnixClient,
  RawWsClient,
  type RawClient,
} from '../fixtures/raw-client.js'

const daemon = await startDaemon(t)
await daemon.addDomains('web', 'db', 'admin')
await daemon.admin.addRule('accept', 'web:*', 'db:*')

const seed = seedOf()
t.comment(`V4V_SEED=${seed}`)

for (const way of ['unix', 'ws', 'own-socket'] as const) {
  await t.test(`over ${way}, a source that a sender makes up never arrives`, async t => {
    const random = new Prng(seed)
    const db = await connect(daemon.as('db'))
    const ring = await db.bind(5432)
    const token = daemon.tokens.get('web')!
    const web: RawClient =
      way === 'ws'
        ? await RawWsClient.attach(daemon.wsUrl, token)
        : way === 'unix'
          ? await RawUnixClient.attach(daemon.socketPath, token)
          : await RawUnixClient.attach(daemon.domainSocket('web'))
    await web.register(80, 64)
    const { hypervisor } = daemon.daemon
    const ids = ['web', 'db', 'admin'].map(name => hypervisor.domainNamed(name)!.id)
    const to = { target: ids[1]!, port: 5432, sourcePort: 80 }
    for (let seq = 0; seq < 2000; seq += 20) {
      const payloads = Array.from({ length: 20 }, (_, i) => Uint8Array.of(seq & 0xff, i))
      web.write(
        encodeSend({ ...to, firstSeq: seq }, payloads, (view, at) => {
          view.setUint32(at + 4, random.u32(), true)
          view.setUint32(at + 8, random.pick([random.u32(), ...ids, 0, 0x7ff4]), true)
          view.setUint32(at + 12, random.pick([random.u32(), MESSAGE_TYPES.stream]), true)
        }),
      )
    }
    let count = 0
    for await (const datagram of ring) {
      const { source, sourceId, type, data } = datagram
      const isRight =
        source.domain === 'web' && source.port === 80 && sourceId === ids[0] && type === 'dgram'
      if (!isRight || data[0] !== ((count - (count % 20)) & 0xff) || data[1] !== count % 20) {
        t.fail(`datagram ${count} came as ${source.domain}:${source.port}, ${type}`)
        break
      }
      if (++count === 2000) break
    }
    t.equal(count, 2000)
    web.end()
    await db.close()
  })
}

await t.test('a port that another session or domain has bound can not be sent from', async t => {
  const other = await RawUnixClient.attach(daemon.socketPath, daemon.tokens.get('web'))
  const web = await RawUnixClient.attach(daemon.socketPath, daemon.tokens.get('web'))
  await other.register(81, 64)
  await web.register(82, 64)
  web.write(encodeSend({ target: 1, port: 1, sourcePort: 81, firstSeq: 0 }, [new Uint8Array(1)]))
  t.match(decodeSent(await web.take(FRAME.SENT)).failures, [{ errno: 99 }])
  other.end()
  web.end()
})

await t.test('who may not send can not find out what is there', async t => {
  const db = await connect(daemon.as('db'))
  const ring = await db.bind(5432)
  const admin = await connect(daemon.as('admin'))
  const from = await admin.bind(1)
  const targets = ['db:5432', 'db:1', 'web:5432', 'nobody:5432', '7000:1', 'control:1']
  const shapes = new Set<string>()
  for (const to of targets) {
    const error = await from.send(to, new Uint8Array(10)).then(
      () => undefined,
      (thrown: unknown) => thrown as V4vError,
    )
    t.match(error?.decisionId, /^d-[0-9a-f]+$/)
    const { code, errno, retryable, message } = error!
    shapes.add(JSON.stringify([code, errno, retryable, message.replace(to, 'TO')]))
    const tooLarge = await from.send(to, new Uint8Array(2 ** 21)).then(
      () => undefined,
      (thrown: unknown) => thrown as V4vError,
    )
    t.equal(tooLarge?.code, 'EPERM', 'also for what could never fit')
  }
  t.equal(shapes.size, 1, [...shapes].join(' '))
  const statuses = await admin.notify(targets.map(to => ({ to, wantRing: true })))
  for (const status of statuses) t.same(status, statuses[0])
  t.equal(statuses[0]?.code, 'EPERM')

  const raw = await RawUnixClient.attach(daemon.socketPath, daemon.tokens.get('admin'))
  const { id } = daemon.daemon.hypervisor.domainNamed('db')!
  const query = { port: 5432, spaceRequired: 1, wantRing: true }
  raw.write(
    encodeNotify(1, 0, [
      { ...query, target: id },
      { ...query, target: 7000 },
    ]),
  )
  const answers = decodeNotified((await raw.take(FRAME.NOTIFIED)).source, 0)
  if (typeof answers === 'string') throw new Error(answers)
  const [known, unknown] = answers.map(answer => ({ ...answer, target: 0 }))
  t.same(known, unknown)
  await ring.close()
  const again = await db.bind(5432)
  // What it is told before an answer to something later it is told by then.
  raw.write(encodePing(FRAME.PING, 1, 1))
  while (!raw.frames.some(frame => frame.type === FRAME.PONG)) await raw.change()
  t.notOk(
    raw.frames.some(frame => frame.type === FRAME.EVENT),
    'and is not told of rings that come and go',
  )
  await again.close()
  raw.end()
  await Promise.all([db.close(), admin.close()])
})
