import t from 'tap'
import type { DomainId, Port } from '../../src/abi/addr.js'
import { MESSAGE_BYTES_MAX, RING_BYTES_MAX } from '../../src/abi/limits.js'
import { DGRAM, Machine, payload, runOf, STREAM, type Client } from './fixtures/machine.js'
import { pair, refusedRun } from './fixtures/pair.js'

await t.test('what is sent arrives whole, in order, from its true source', async t => {
  const { web, db, ring } = pair()
  const messages = [payload(0), payload(1), payload(16), payload(100)]
  t.same(db.run('web:80', messages), {
    accepted: 4,
    refused: 0,
    code: null,
    decisionId: 0,
    malformed: false,
    slotBytes: 208,
    refusedSlotBytes: 0,
    roomBytes: Infinity,
  })
  t.equal(db.send('web:80', [payload(3), payload(0), payload(5)], { type: STREAM }), 'ok')
  const source = { domain: db.session.domain.id, port: 1 }
  t.strictSame(
    web.drain(ring),
    [
      ...messages.map(data => ({ source, type: DGRAM, data })),
      { source, type: STREAM, data: Buffer.concat([payload(3), payload(5)]).subarray() },
    ].map(message => ({ ...message, data: Uint8Array.from(message.data) })),
  )
  t.equal(web.sink.dataCalls, 2, 'once for each call')
  t.equal(ring.datagrams, 5)
})

await t.test('where little room is left, what was accepted says how much', async t => {
  const { machine, web, db, ring } = pair(1024)
  const room = (client: Client, bytes: number): number =>
    client.run('web:80', [payload(bytes)]).roomBytes
  t.equal(room(db, 400), Infinity, 'more than half of the ring')
  t.equal(room(db, 400), 1024 - 16 - 2 * 416)
  t.equal(room(db, 144), 16)
  t.equal(room(db, 0), 0)
  t.equal(room(db, 0), Infinity, 'a refusal says it otherwise')
  web.drain(ring)
  const other = machine.client('agent')
  other.ring(1)
  t.equal(room(db, 16), Infinity)
  t.equal(room(other, 16), Math.floor(1008 / 2) - 32, 'a share is less than the whole')
})

await t.test('a type that is none is EINVAL, for each message', async t => {
  const { db } = pair()
  t.same(db.run('web:80', [payload(1), payload(2)], { type: 1 }), {
    ...refusedRun,
    refused: 2,
    code: 'EINVAL',
  })
  t.equal(db.send('web:80', payload(1), { type: 1 }), 'EINVAL')
})

await t.test('more than 8 buffers are EINVAL, and 8 are not', async t => {
  const { web, db, ring } = pair()
  const iovs = Array.from({ length: 9 }, (_, i) => payload(i))
  t.equal(db.send('web:80', iovs), 'EINVAL')
  t.equal(db.send('web:80', iovs.slice(1)), 'ok')
  t.equal(db.send('web:80', []), 'ok')
  t.same(
    web.drain(ring).map(({ data }) => data.length),
    [36, 0],
  )
})

await t.test('a source port that is not bound is EADDRNOTAVAIL, whatever policy says', async t => {
  const { machine, db } = pair(4096, ['reject *:* -> web:*', 'drop *:* -> *:*'])
  for (const to of ['web:80', 'ghost:80']) {
    t.same(db.run(to, [payload(1)], { from: 2 }), {
      ...refusedRun,
      refused: 1,
      code: 'EADDRNOTAVAIL',
    })
    t.equal(db.send(to, payload(1), { from: 2, type: 1 }), 'EADDRNOTAVAIL')
  }
  t.equal(machine.flows.length, 0)
  t.same(machine.hypervisor.ruleCounter('r1').hits, 0)
})

await t.test('a port that another session of the domain has is not bound by this one', async t => {
  const { machine, db } = pair()
  machine.client('db').ring(2)
  t.equal(db.send('web:80', payload(1), { from: 2 }), 'EADDRNOTAVAIL')
})

await t.test(
  'the ring made for the sender is taken before the wildcard one, also when full',
  async t => {
    const { web, db, ring } = pair()
    const exact = web.ring(80, 48, { partner: db.session.domain.id })
    t.equal(db.send('web:80', payload(16)), 'ok')
    t.equal(db.send('web:80', payload(16)), 'EAGAIN')
    t.same([ring.datagrams, exact.datagrams], [0, 1])
  },
)

await t.test(
  'of a message that never fits only that one is refused, and the rest goes on',
  async t => {
    const { machine, web, db, ring } = pair(128)
    const messages = [payload(16), payload(97), payload(8)]
    const first = db.run('web:80', messages)
    t.match(first, { accepted: 1, refused: 1, code: 'EMSGSIZE', slotBytes: 32, malformed: false })
    t.equal(first.refusedSlotBytes, 128, 'the rest starts behind it')
    t.equal(first.decisionId, machine.flows.at(-1)!.decisionId)
    t.match(machine.flows.at(-1)!, { code: 'EMSGSIZE', datagrams: 1, bytes: 97 })
    t.match(db.run('web:80', messages.slice(2)), { accepted: 1, refused: 0, code: null })
    t.equal(db.send('web:80', payload(97)), 'EMSGSIZE')
    t.equal(ring.waiters.size, 0)
    t.same(
      web.drain(ring).map(({ data }) => data.length),
      [16, 8],
    )
    t.match(machine.hypervisor.ruleCounter('r1'), { hits: 4, bytes: 16 + 97 + 8 + 97 })
  },
)

await t.test('a message larger than any ring is EMSGSIZE before policy is asked', async t => {
  const { machine, db } = pair(64, [])
  const half = new Uint8Array(MESSAGE_BYTES_MAX / 2)
  t.equal(db.send('web:80', [half, half, payload(1)]), 'EMSGSIZE')
  t.equal(db.send('web:80', [half, half]), 'EPERM')
  t.equal(machine.flows.length, 1)
})

await t.test('the largest message arrives', async t => {
  const { web, db, ring } = pair(RING_BYTES_MAX)
  const data = payload(MESSAGE_BYTES_MAX)
  t.match(db.run('web:80', [data]), { accepted: 1, code: null })
  t.ok(Buffer.from(web.drain(ring)[0]!.data).equals(data))
})

await t.test('who has ended is told ECONNRESET', async t => {
  const { db } = pair()
  db.end()
  t.match(db.run('web:80', [payload(1)]), { refused: 1, code: 'ECONNRESET' })
  t.equal(db.send('web:80', payload(1)), 'ECONNRESET')
})

await t.test('a domain may send to itself', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const ring = web.ring(80)
  t.equal(web.send('web:80', payload(5), { from: 80 }), 'ok')
  t.same(web.drain(ring)[0]!.source, { domain: 1 as DomainId, port: 80 })
})

await t.test('messages in a row that can never fit are refused as one', async t => {
  for (const [rules, effect] of [
    [['accept *:* -> *:*'], 'error'],
    [['accept *:* -> *:* max_bytes 16'], 'limit'],
  ] as const) {
    const { machine, db } = pair(48, [...rules])
    const messages = [16, 17, 40, 16].map(bytes => payload(bytes))
    const first = db.run('web:80', messages)
    t.match(first, { accepted: 1, refused: 2, code: 'EMSGSIZE', slotBytes: 32 })
    t.equal(first.refusedSlotBytes, 48 + 64)
    t.match(machine.flows.at(-1), { code: 'EMSGSIZE', datagrams: 2, bytes: 57, effect })
    t.match(machine.hypervisor.ruleCounter('r1'), { hits: 3, bytes: 73 })
  }
})

await t.test(
  'however a run is refused in parts, none of it is looked at over and over',
  async t => {
    const count = 400
    // Each large one is refused alone, and the ring takes the small ones between them.
    const bytes = runOf(Array.from({ length: count }, (_, i) => payload(i % 2 === 0 ? 64 : 0)))
    const { view } = bytes
    const read = view.getUint32.bind(view)
    let reads = 0
    view.getUint32 = (at, littleEndian) => {
      reads++
      return read(at, littleEndian)
    }
    for (const rule of [
      'accept *:* -> *:*',
      'audit *:* -> *:*',
      'accept *:* -> *:* max_bytes 16',
      'accept *:* -> *:* max_bytes 64',
      'accept *:* -> *:* rate 1000000/s',
    ]) {
      const { machine, web, db, ring } = pair(64, [rule])
      const target = machine.target('web')
      const run = {
        sourcePort: 1 as Port,
        target,
        port: 80 as Port,
        type: DGRAM,
        count,
        retry: false,
      }
      let start = 0
      reads = 0
      while (run.count > 0) {
        const outcome = machine.hypervisor.sendRun(
          db.session,
          run,
          bytes,
          start,
          bytes.bytes.length,
        )
        t.equal(outcome.malformed, false)
        run.count -= outcome.accepted + outcome.refused
        start += outcome.slotBytes + outcome.refusedSlotBytes
        web.drain(ring)
      }
      t.equal(machine.hypervisor.ruleCounter('r1').hits, count, rule)
      t.ok(reads < 10 * count, `${rule}: ${reads} looks at ${count} messages`)
    }
  },
)

await t.test('who says it sends more messages than can be there sends none', async t => {
  const { machine, web, db } = pair(48)
  db.run('web:80', [payload(16)])
  const counted = { ...db.session.domain.undelivered.from }
  t.match(db.run('web:80', [payload(16)], { count: 0xffffffff }), { malformed: true, refused: 0 })
  t.same(db.session.domain.undelivered.from, counted)
  t.equal(web.session.domain.undelivered.to.EAGAIN, 0)
  t.equal(machine.flows.length, 1)
})
