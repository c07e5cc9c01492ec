import { once } from 'node:events'
import t from 'tap'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { errnoOf } from '../../src/abi/errno.js'
import { MESSAGE_BYTES_MAX } from '../../src/abi/limits.js'
import { AbortError, type V4vError } from '../../src/sdk/errors.js'
import { answered, attach, failure, textsOf } from './fixtures/scripted-peer.js'

const bytes = (text: string): Buffer => Buffer.from(text)
const EAGAIN = errnoOf('EAGAIN')

await t.test(
  'sendMany takes as many as trySend would, and drain tells when to try the rest',
  async t => {
    const { domain, peer } = await attach()
    const ring = await domain.bind(9)
    const payloads = Array.from({ length: 60 }, (_, i) => Buffer.alloc(i === 3 ? 0 : 60_000, i))
    const taken = ring.sendMany('web:80', payloads)
    t.ok(taken > 1 && taken < payloads.length, `${taken} are taken`)
    t.notOk(ring.trySend('web:80', payloads[0]!))
    t.equal(ring.sendMany('web:80', payloads.slice(taken)), 0)
    t.equal(ring.sendMany('web:81', []), 0)
    const drained = once(ring, 'drain')
    await peer.until(() => peer.sends.flatMap(send => send.payloads).length === taken)
    peer.sent(taken)
    t.same(await drained, ['web:80'])
    t.equal(ring.sendMany('web:80', payloads.slice(taken)), payloads.length - taken)
    await peer.until(() => peer.sends.flatMap(send => send.payloads).length === payloads.length)
    peer.sent(payloads.length)
    await ring.close()
    t.same(
      peer.sends.flatMap(send => send.payloads),
      payloads,
    )
    await domain.close()
  },
)

await t.test('sendMany takes nothing at all where one is too large', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const tooLarge = new Uint8Array(MESSAGE_BYTES_MAX + 1)
  t.throws(() => ring.sendMany('web:80', [bytes('a'), tooLarge]), { code: 'EMSGSIZE' })
  t.throws(() => ring.sendMany('web', [bytes('a')]), { code: 'EINVAL' })
  await ring.close()
  t.same(peer.sends, [])
  t.throws(() => ring.sendMany('web:80', [bytes('a')]), { code: 'EADDRNOTAVAIL' })
  await domain.close()
})

await t.test('messages of a turn to one address share a frame, others have their own', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  t.ok(ring.trySend('web:80', bytes('a')))
  t.ok(ring.trySend('web:80', bytes('')))
  t.ok(ring.trySend({ domain: 'web', port: 80 }, bytes('b'.repeat(17))))
  t.ok(ring.trySend('7:81', bytes('c'), 'stream'))
  await peer.until(() => peer.sends.length === 2)
  t.match(peer.sends[0], {
    target: 'web',
    port: 80,
    sourcePort: 9,
    type: MESSAGE_TYPES.dgram,
    firstSeq: 0,
    retry: false,
  })
  t.same(peer.sends[0]?.payloads.map(String), ['a', '', 'b'.repeat(17)])
  t.match(peer.sends[1], { target: '7', port: 81, type: MESSAGE_TYPES.stream, firstSeq: 3 })
  peer.sent(4)
  await domain.close()
})

await t.test('a frame holds up to 128 KiB, or one message that is larger', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  for (let i = 0; i < 5; i++) ring.trySend('web:80', Buffer.alloc(60_000, i))
  ring.trySend('web:80', Buffer.alloc(400_000, 9))
  await peer.until(() => textsOf(peer).length === 6)
  t.same(peer.sends[0]?.payloads.length, 2, 'a third one would not fit')
  const large = peer.sends.at(-1)?.payloads
  t.same(large, [Buffer.alloc(400_000, 9)])
  peer.sent(6)
  await domain.close()
})

await t.test('the largest message goes, a larger one is refused here', async t => {
  const { domain, peer } = await attach()
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  const ring = await domain.bind(9)
  await ring.send('web:80', Buffer.alloc(MESSAGE_BYTES_MAX, 1))
  t.equal(peer.sends[0]?.payloads[0]?.length, MESSAGE_BYTES_MAX)
  const larger = Buffer.alloc(MESSAGE_BYTES_MAX + 1)
  await t.rejects(ring.send('web:80', larger), { code: 'EMSGSIZE', target: 'web:80' })
  t.throws(() => ring.trySend('web:80', larger), { code: 'EMSGSIZE' })
  await domain.close()
})

await t.test('up to 8 buffers make one message', async t => {
  const { domain, peer } = await attach()
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  const ring = await domain.bind(9)
  await ring.sendv('web:80', 'abcdefgh'.split('').map(bytes))
  await ring.sendv('web:80', [])
  t.same(textsOf(peer), ['abcdefgh', ''])
  await t.rejects(
    ring.sendv(
      'web:80',
      Array.from({ length: 9 }, () => bytes('x')),
    ),
    { code: 'EINVAL' },
  )
  await domain.close()
})

await t.test('send settles with what became of its message', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const outcomes = Promise.allSettled(['a', 'b', 'c', 'd'].map(x => ring.send('web:80', bytes(x))))
  await peer.until(() => peer.sends.length === 1)
  peer.sent(2, failure(1, 1, errnoOf('EPERM'), 0x1f))
  peer.sent(4, failure(2, 1, errnoOf('ESRCH')))
  const [a, b, c, d] = await outcomes
  t.equal(a?.status, 'fulfilled')
  t.match(b, {
    reason: { name: 'V4vError', code: 'EPERM', errno: 1, decisionId: 'd-1f', retryable: false },
  })
  t.match(c, { reason: { code: 'ESRCH', decisionId: undefined, target: 'web:80' } })
  t.equal(d?.status, 'fulfilled')
  await domain.close()
})

await t.test('what trySend took and was refused for good is told by an event', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  for (const x of ['a', 'b', 'c']) ring.trySend('web:80', bytes(x))
  const refused = once(ring, 'refused')
  await peer.until(() => peer.sends.length === 1)
  peer.sent(3, failure(1, 2, errnoOf('ECONNREFUSED')))
  const [error, count] = (await refused) as [V4vError, number]
  t.match(error, { code: 'ECONNREFUSED', target: 'web:80' })
  t.equal(count, 2)
  await domain.close()
})

await t.test('a call that is ended before its message was sent leaves no message', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  ring.trySend('web:80', bytes('a'))
  await peer.until(() => peer.sends.length === 1)
  peer.sent(1, failure(0, 1, EAGAIN))
  await answered(peer)
  const controller = new AbortController()
  const aborted = ring.send('web:80', bytes('b'), { signal: controller.signal })
  const late = ring.send('web:80', bytes('c'), { timeoutMs: 1 })
  const kept = ring.send('web:80', bytes('d'))
  controller.abort(new Error('enough'))
  await t.rejects(aborted, { name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'enough' } })
  await t.rejects(late, { code: 'ETIMEDOUT', retryable: true })
  await t.rejects(ring.send('web:80', bytes('e'), { signal: AbortSignal.abort() }), AbortError)
  await t.rejects(ring.send('web:80', bytes('e'), { timeoutMs: -1 }), { code: 'EINVAL' })
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  peer.event({ kind: 'space', target: peer.handleOf('web'), port: 80, value: 1000 })
  await kept
  t.same(textsOf(peer), ['a', 'a', 'd'])
  await domain.close()
})

await t.test(
  'a call that is ended with its message on the way settles with its outcome',
  async t => {
    const { domain, peer } = await attach()
    const ring = await domain.bind(9)
    const controller = new AbortController()
    const { signal } = controller
    const arrives = ring.send('web:80', bytes('a'), { signal })
    const isRefused = ring.send('web:80', bytes('b'), { signal })
    await peer.until(() => peer.sends.length === 1)
    controller.abort()
    peer.sent(2, failure(1, 1, EAGAIN))
    await arrives
    await t.rejects(isRefused, AbortError)
    const next = ring.send('web:80', bytes('c'))
    peer.event({ kind: 'space', target: peer.handleOf('web'), port: 80, value: 1000 })
    await peer.until(() => peer.sends.length === 2)
    t.match(peer.sends[1], { retry: true })
    t.same(textsOf(peer), ['a', 'b', 'c'])
    peer.sent(3)
    await next
    await domain.close()
  },
)
