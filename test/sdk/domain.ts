import { once } from 'node:events'
import t from 'tap'
import { DOMID_ANY, MESSAGE_TYPES } from '../../src/abi/addr.js'
import { errnoOf } from '../../src/abi/errno.js'
import {
  encodeClosing,
  encodeNotified,
  encodePing,
  encodeResult,
} from '../../src/abi/control-frame.js'
import { FRAME } from '../../src/abi/frame.js'
import { RING_BYTES_MAX } from '../../src/abi/limits.js'
import type { Status } from '../../src/sdk/status-feed.js'
import { attach, result, slotsOf } from './fixtures/scripted-peer.js'

const bytes = (text: string): Buffer => Buffer.from(text)

await t.test('a session knows who it is', async t => {
  const { domain, peer } = await attach({ token: 'secret', agent: 'test 1' })
  t.match(peer.hellos, [{ version: 1, token: 'secret', agent: 'test 1' }])
  t.match(domain, { name: 'db', id: 5, session: 9, revision: 3 })
  t.same(domain.limits, { rings: 128, ringBytes: 0x1000000 - 64, pingIntervalMs: 0 })
  await domain.close()
  t.equal(peer.saidBye, true)
  t.equal(await domain.closed, undefined)
})

await t.test('bind asks for what it is told and says why it was refused', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(0, { partner: 'web', size: '64KiB' })
  t.match(ring, { port: 0x80000001, length: 65536 })
  await domain.bind(1, { size: '16MiB', partner: '7' })
  await domain.bind(2, { size: 50 })
  t.match(peer.registers, [
    { port: 0, partner: peer.handleOf('web'), ringBytes: 65536, failExist: true },
    { port: 1, partner: 7, ringBytes: RING_BYTES_MAX },
    { port: 2, partner: DOMID_ANY, ringBytes: 64 },
  ])
  for (const size of [47, 1.5, '17MiB', 'big', '1 GiB']) {
    await t.rejects(domain.bind(3, { size }), { code: 'EINVAL' })
  }
  await t.rejects(domain.bind(0xffffffff), { code: 'EINVAL' })
  peer.registersRings = false
  const refused = domain.bind(3)
  await peer.until(() => peer.registers.length === 4)
  peer.send(result(peer.registers[3]!.requestId, errnoOf('EADDRINUSE'), 'session 4 has it'))
  await t.rejects(refused, { code: 'EADDRINUSE', message: 'EADDRINUSE: session 4 has it' })
  await domain.close()
})

await t.test('a ring that is registered too late for its caller is given back', async t => {
  const { domain, peer } = await attach()
  peer.registersRings = false
  await t.rejects(domain.bind(3, { timeoutMs: 1 }), { code: 'ETIMEDOUT' })
  await peer.until(() => peer.registers.length === 1)
  const { requestId } = peer.registers[0]!
  peer.send(encodeResult({ requestId, errno: 0, port: 3, ring: 4, ringBytes: 64, detail: '' }))
  await peer.until(() => peer.unregistered.length === 1)
  t.same(peer.unregistered, [4])
  await domain.close()
})

await t.test('a request takes the answer of the very address asked', async t => {
  const { domain, peer } = await attach()
  peer.domain(7, 'web')
  peer.domain(8, 'agent')
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  const first = domain.request('web:80', bytes('?'))
  await peer.until(() => peer.sends.length === 1)
  peer.ringData(
    1,
    0,
    Buffer.concat([
      slotsOf([bytes('no')], 8, 80),
      slotsOf([bytes('no')], 7, 81),
      slotsOf([bytes('yes')], 7, 80, MESSAGE_TYPES.dgram),
    ]),
  )
  t.same(Buffer.from((await first).data), bytes('yes'))
  await t.rejects(domain.request('web:80', bytes('?'), { timeoutMs: 1 }), { code: 'ETIMEDOUT' })
  t.equal(peer.registers.length, 1, 'a ring whose request was answered serves the next')
  const third = domain.request('7:80', bytes('?'), { size: '4KiB' })
  await peer.until(() => peer.sends.length >= 2 && peer.registers.length === 2)
  t.equal(peer.registers[1]?.ringBytes, 4096)
  peer.ringData(2, 0, slotsOf([bytes('own')], 7, 80))
  t.same(Buffer.from((await third).data), bytes('own'))
  await peer.until(() => peer.unregistered.length === 2)
  t.same(
    peer.unregistered.toSorted((a, b) => a - b),
    [1, 2],
    'the one that timed out serves no other',
  )
  await domain.close()
})

await t.test('a request fails as its message does, or with its signal', async t => {
  const { domain, peer } = await attach()
  peer.onSend = ({ firstSeq }) =>
    peer.sent(firstSeq + 1, { firstSeq, count: 1, errno: errnoOf('EPERM'), decisionId: 3 })
  await t.rejects(domain.request('web:80', bytes('?')), { code: 'EPERM', decisionId: 'd-3' })
  const signal = AbortSignal.abort()
  await t.rejects(domain.request('web:80', bytes('?'), { signal }), { name: 'AbortError' })
  await t.rejects(domain.request('nowhere', bytes('?')), { code: 'EINVAL' })
  await domain.close()
})

await t.test('a domain sends from a port of its own', async t => {
  const { domain, peer } = await attach()
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  await Promise.all([domain.send('web:80', bytes('a')), domain.send('web:80', bytes('b'))])
  t.equal(peer.registers.length, 1)
  t.same(
    peer.sends.flatMap(send => send.payloads.map(String)),
    ['a', 'b'],
  )
  await domain.close()
})

await t.test('notify says of each ring what is known', async t => {
  const { domain, peer } = await attach()
  const asked = domain.notify(
    [
      { to: 'web:80', spaceRequired: 4096 },
      { to: 'agent:1', wantRing: true },
    ],
    { sourcePort: 9 },
  )
  await peer.until(() => peer.notifies.length === 1)
  const { requestId, sourcePort, entries } = peer.notifies[0]!
  t.equal(sourcePort, 9)
  t.match(entries, [
    { port: 80, spaceRequired: 4096, wantRing: false },
    { port: 1, spaceRequired: 0, wantRing: true },
  ])
  const entry = { target: 0, port: 0, maxMessageBytes: 100, spaceBytes: 50 }
  peer.send(
    encodeNotified(requestId, [
      { ...entry, flags: 0x01 | 0x02 | 0x08, errno: 0 },
      { ...entry, flags: 0, errno: errnoOf('ECONNREFUSED') },
    ]),
  )
  t.match(await asked, [
    { exists: true, shared: true, empty: false, sufficient: true, tooLarge: false, busy: false },
    { exists: false, code: 'ECONNREFUSED', maxMessageBytes: 100, spaceBytes: 50 },
  ])
  const many = Array.from({ length: 257 }, () => ({ to: 'web:80' }))
  await t.rejects(domain.notify(many), { code: 'EINVAL' })
  await domain.close()
})

await t.test('status tells what happens, and how much was not read in time', async t => {
  const { domain, peer } = await attach()
  const feed = domain.status()
  const slow = domain.status()
  t.match((await feed.next()).value, { kind: 'connected', domain: 'db', session: 9, revision: 3 })
  peer.domain(7, 'web')
  peer.event({ kind: 'ring-up', target: 7, port: 80, value: 0 })
  peer.event({ kind: 'ring-down', target: 7, port: 80, value: 0 })
  peer.event({ kind: 'domain-down', target: 7, port: 0, value: 0 })
  peer.event({ kind: 'policy-changed', target: 0, port: 0, value: 12 })
  const seen: (Status | undefined)[] = []
  for (let i = 0; i < 4; i++) seen.push((await feed.next()).value)
  t.match(seen, [
    { kind: 'ring-up', domain: 'web', port: 80 },
    { kind: 'ring-down', domain: 'web', port: 80 },
    { kind: 'domain-down', domain: 'web' },
    { kind: 'policy-changed', revision: 12 },
  ])
  t.equal(domain.revision, 12)
  await feed.return?.()
  t.equal((await feed.next()).done, true)
  for (let i = 0; i < 300; i++) peer.event({ kind: 'policy-changed', target: 0, port: 0, value: i })
  const policy = domain.status()
  await policy.next()
  while ((await policy.next()).value?.kind === 'policy-changed' && domain.revision < 299);
  t.match((await slow.next()).value, { kind: 'lost', count: 49 })
  await domain.close()
  let last: Status | undefined
  for await (const status of slow) last = status
  t.match(last, { kind: 'closed', error: undefined })
})

await t.test('a session that is lost fails everything with the reason', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const feed = domain.status()
  await feed.next()
  const reading = ring.receive()
  const sent = ring.send('web:80', bytes('a'))
  ring.trySend('web:80', bytes('b'))
  const refused = once(ring, 'refused')
  const closed = once(ring, 'close')
  const asked = domain.notify([{ to: 'web:80' }])
  await peer.until(() => peer.sends.length === 1)
  peer.send(encodeClosing({ errno: errnoOf('ESHUTDOWN'), reason: 'the daemon shuts down' }))
  const lost = {
    code: 'ECONNRESET',
    cause: { code: 'ESHUTDOWN' },
    message: /the daemon shuts down/,
  }
  await Promise.all([t.rejects(reading, lost), t.rejects(sent, lost), t.rejects(asked, lost)])
  t.match(await refused, [lost, 1])
  t.match(await closed, [lost])
  t.match(await domain.closed, lost)
  t.match((await feed.next()).value, { kind: 'closed', error: lost })
  t.equal((await feed.next()).done, true)
  t.throws(() => ring.trySend('web:80', bytes('c')), lost)
  await t.rejects(domain.bind(1), { code: 'ECONNRESET' })
  await domain.close()
})

await t.test('a daemon that just goes, or talks nonsense, is a lost session too', async t => {
  const gone = await attach()
  gone.peer.close()
  t.match(await gone.domain.closed, { code: 'ECONNRESET' })
  const wild = await attach()
  wild.peer.send(Buffer.alloc(16, 0xff))
  t.match(await wild.domain.closed, { cause: { code: 'EPROTO' } })
  const liar = await attach()
  liar.peer.sent(1)
  t.match(await liar.domain.closed, { cause: { code: 'EPROTO' } })
  const silent = await attach({}, peer => (peer.pingIntervalMs = 1))
  const alive = setInterval(() => undefined, 1000)
  t.match(await silent.domain.closed, { cause: { code: 'ETIMEDOUT' } })
  clearInterval(alive)
})

await t.test('a ping is answered, frames of a later version are ignored', async t => {
  const { domain, peer } = await attach()
  const later = encodePing(FRAME.PING, 0, 0)
  later[4] = 0xee
  peer.send(later)
  peer.send(encodePing(FRAME.PING, 11, 22))
  await peer.until(() => peer.pongs.length === 1)
  t.same(peer.pongs, [[11, 22]])
  await domain.close()
})

await t.test('close waits for what was taken, but not for ever', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const absent = ring.send('nobody:1', bytes('a'), { wait: true })
  const waits = ring.send('web:80', bytes('b'))
  await peer.until(() => peer.sends.length === 2)
  peer.sent(1, { firstSeq: 0, count: 1, errno: errnoOf('ECONNREFUSED'), decisionId: 0 })
  await peer.until(() => peer.notifies.length === 1)
  const closing = domain.close({ timeoutMs: 20 })
  await t.rejects(absent, { code: 'ESHUTDOWN' })
  t.throws(() => ring.trySend('web:80', bytes('c')), { code: 'ESHUTDOWN' })
  await Promise.all([t.rejects(waits, { code: 'ECONNRESET' }), closing])
  t.equal(peer.saidBye, true)
  t.equal(domain.close(), domain.close())
})

await t.test('a ring for a partner goes with the partner', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { partner: 'web' })
  const other = await domain.bind(9)
  const reading = ring.receive()
  peer.event({ kind: 'ring-down', target: 5, port: 9, value: 0 })
  await t.rejects(reading, { code: 'ECONNRESET' })
  t.throws(() => ring.trySend('web:80', bytes('c')), { code: 'ECONNRESET' })
  t.ok(other.trySend('web:80', bytes('c')))
  t.same(peer.unregistered, [], 'what has come can still be read')
  await ring.close()
  t.same(peer.unregistered, [1], 'the daemon may use its memory again')
  await domain.close({ timeoutMs: 1 })
})
