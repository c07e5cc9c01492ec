import t from 'tap'
import type { DomainId, Port } from '../../src/abi/addr.js'
import { frameBytes } from '../../src/abi/frame.js'
import { MESSAGE_BYTES_MAX, RING_BYTES_MAX } from '../../src/abi/limits.js'
import type { Ring } from '../../src/hypervisor/ring.js'
import { DEFAULT_ID } from '../../src/policy/rule.js'
import {
  ACCEPT_ALL,
  DGRAM,
  Machine,
  payload,
  policyOf,
  runOf,
  STREAM,
  type Client,
} from './fixtures/machine.js'

/** A receiver with a ring at 80 and a sender that has port 1. */
function pair(
  length = 4096,
  rules?: string[],
  limits = {},
): { machine: Machine; web: Client; db: Client; ring: Ring } {
  const machine = new Machine(rules, limits)
  const web = machine.client('web')
  const db = machine.client('db')
  db.ring(1)
  return { machine, web, db, ring: web.ring(80, length) }
}

const refusedRun = {
  accepted: 0,
  decisionId: 0,
  malformed: false,
  slotBytes: 0,
  refusedSlotBytes: 0,
  roomBytes: Infinity,
}

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

await t.test('what policy rejects is EPERM, and looks the same whatever is there', async t => {
  const { machine, web, db } = pair(64, ['accept *:* -> web:80 type stream'])
  web.ring(81, 48)
  const shapes = ['web:80', 'web:81', 'web:82', 'ghost:80'].map(to => {
    const { decisionId, ...run } = db.run(to, [payload(16), payload(600)])
    return [run, decisionId > 0, db.send(to, payload(600))]
  })
  for (const shape of shapes) {
    t.same(shape, [
      {
        accepted: 0,
        refused: 2,
        code: 'EPERM',
        malformed: false,
        slotBytes: 0,
        refusedSlotBytes: 0,
        roomBytes: Infinity,
      },
      true,
      'EPERM',
    ])
  }
  t.equal(machine.flows.length, 8)
  t.match(machine.hypervisor.ruleCounter(DEFAULT_ID), { hits: 12, bytes: 4 * 1216, lastHit: 1000 })
  t.equal(web.sink.dataCalls, 0)
})

await t.test('ESRCH and ECONNREFUSED are said only where policy allows', async t => {
  const { machine, db } = pair(64, ['reject *:* -> *:99', ACCEPT_ALL])
  t.match(db.run('ghost:80', [payload(1), payload(2)]), { accepted: 0, refused: 2, code: 'ESRCH' })
  t.match(db.run('web:81', [payload(1)]), { accepted: 0, refused: 1, code: 'ECONNREFUSED' })
  t.equal(db.send('ghost:80', payload(1)), 'ESRCH')
  t.equal(db.send('web:81', payload(1)), 'ECONNREFUSED')
  t.equal(db.send('ghost:99', payload(1)), 'EPERM')
  t.equal(db.send('web:99', payload(1)), 'EPERM')
  t.same(
    machine.flows.map(flow => [flow.code, flow.destination.domain, flow.datagrams, flow.bytes]),
    [
      ['ESRCH', 'ghost', 2, 3],
      ['ECONNREFUSED', 'web', 1, 1],
      ['ESRCH', 'ghost', 1, 1],
      ['ECONNREFUSED', 'web', 1, 1],
      ['EPERM', 'ghost', 1, 1],
      ['EPERM', 'web', 1, 1],
    ],
  )
  t.same(
    machine.flows.map(flow => flow.decisionId),
    [1, 2, 3, 4, 5, 6],
  )
})

await t.test('a drop looks like success, delivers nothing, and is counted', async t => {
  const { machine, web, db, ring } = pair(64, ['drop *:* -> *:*'])
  for (const to of ['web:80', 'web:81', 'ghost:80']) {
    t.same(db.run(to, [payload(1), payload(600)]), {
      accepted: 2,
      refused: 0,
      code: null,
      decisionId: 0,
      malformed: false,
      slotBytes: 0,
      refusedSlotBytes: 0,
      roomBytes: Infinity,
    })
    t.equal(db.send(to, payload(600)), 'ok')
  }
  t.equal(ring.buffer.txOffset, 0)
  t.equal(web.sink.dataCalls, 0)
  t.match(db.session.domain.counters, {
    datagramsDropped: 9,
    datagramsSent: 0,
    datagramsRefused: 0,
  })
  t.match(machine.hypervisor.ruleCounter('r1'), { hits: 9, bytes: 3 * 1201, lastHit: 1000 })
  t.same(
    machine.flows.map(flow => [flow.code, flow.verdict.action, flow.destination.port]),
    [
      [null, 'drop', 80],
      [null, 'drop', 81],
      [null, 'drop', 80],
      [null, 'drop', 80],
    ],
    'a flow once, a name without a domain each time',
  )
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

await t.test(
  'a burst that does not fit is accepted as a prefix, until it is gone back to',
  async t => {
    const { web, db, ring } = pair(128)
    t.match(
      db.run(
        'web:80',
        [1, 2, 3, 4, 5].map(() => payload(16)),
      ),
      {
        accepted: 3,
        refused: 2,
        code: 'EAGAIN',
        slotBytes: 96,
        decisionId: 0,
      },
    )
    t.equal(db.run('web:80', [payload(0)]).code, 'EAGAIN', 'was under way')
    web.drain(ring)
    t.same(db.sink.take(), ['space web:80 96'])
    t.match(
      db.run('web:80', [payload(0), payload(0)]),
      { refused: 2, code: 'EAGAIN' },
      'and still is',
    )
    t.same(db.sink.take(), [])
    t.match(db.run('web:80', [payload(16), payload(16)], { retry: true }), {
      accepted: 2,
      code: null,
    })
    t.equal(db.run('web:80', [payload(0)]).code, null)
    t.same(
      web.drain(ring).map(({ data }) => data.length),
      [16, 16, 0],
    )
    t.equal(db.session.waitingFor.size, 0)
    t.equal(db.session.blockedOn.size, 0)
  },
)

await t.test('other rings of a session are not held up', async t => {
  const { web, db } = pair(48)
  web.ring(81, 48)
  db.run('web:80', [payload(16), payload(16)])
  t.equal(db.run('web:81', [payload(16)]).code, null)
})

await t.test(
  'a datagram with an outcome of its own neither waits behind a burst nor lets it in',
  async t => {
    const { web, db, ring } = pair(64)
    t.equal(db.run('web:80', [payload(16), payload(16)]).code, 'EAGAIN')
    t.equal(db.send('web:80', payload(0)), 'ok')
    t.equal(db.send('web:80', payload(0)), 'EAGAIN')
    web.drain(ring)
    t.equal(db.run('web:80', [payload(0)]).code, 'EAGAIN', 'still held up')
    t.equal(db.send('web:80', payload(0)), 'ok')
  },
)

await t.test('a table of waiters that is full is EBUSY, and no event follows', async t => {
  const { machine, web, db, ring } = pair(48, undefined, { waitersPerRingMax: 1 })
  const other = machine.client('other')
  other.ring(1)
  db.send('web:80', payload(16))
  t.equal(db.run('web:80', [payload(16)]).code, 'EAGAIN')
  t.equal(db.run('web:80', [payload(16)], { retry: true }).code, 'EAGAIN', 'it waits already')
  t.match(other.run('web:80', [payload(16), payload(1)]), { refused: 2, code: 'EBUSY' })
  t.equal(other.send('web:80', payload(16)), 'EBUSY')
  web.drain(ring)
  t.same([db.sink.take(), other.sink.take()], [['space web:80 16'], []])
  t.match(other.run('web:80', [payload(16)], { retry: true }), { accepted: 1 })
})

await t.test('a share that is used up is EDQUOT', async t => {
  const { machine, web, db, ring } = pair(32 * 4 + 16)
  const other = machine.client('other')
  other.ring(1)
  t.equal(other.send('web:80', payload(16)), 'ok')
  t.match(db.run('web:80', [payload(16), payload(16), payload(16)]), {
    accepted: 2,
    refused: 1,
    code: 'EDQUOT',
  })
  t.equal(db.send('web:80', payload(16)), 'EDQUOT')
  t.equal(other.send('web:80', payload(16)), 'ok', 'which is what it was kept for')
  t.equal(db.send('web:80', payload(16)), 'EAGAIN')
  web.consume(ring, 32)
  t.same(db.sink.take(), [], 'its share is used up all the same')
  web.consume(ring, 64)
  t.same(db.sink.take(), ['space web:80 48'])
  t.equal(db.run('web:80', [payload(16)], { retry: true }).code, null)
})

await t.test('who was told of space has a share until it comes back', async t => {
  const { machine, web, db, ring } = pair(32 * 4 + 16)
  const flood = machine.client('flood')
  flood.ring(1)
  const message = payload(16)
  t.equal(
    flood.run(
      'web:80',
      Array.from({ length: 5 }, () => message),
    ).accepted,
    4,
  )
  t.equal(db.run('web:80', [message]).code, 'EAGAIN')
  web.consume(ring, 32)
  t.same(db.sink.take(), ['space web:80 16'])
  t.equal(flood.run('web:80', [message], { retry: true }).code, 'EDQUOT', 'the space is promised')
  t.equal(db.run('web:80', [message], { retry: true }).code, null)
  t.equal(db.session.waitingFor.size, 0)
})

await t.test(
  'an empty ring calls all who wait, for one that was called may never come back',
  async t => {
    const { machine, web, db, ring } = pair(64)
    const other = machine.client('other')
    other.ring(1)
    db.send('web:80', payload(16))
    t.equal(db.send('web:80', payload(32)), 'EAGAIN')
    t.equal(other.send('web:80', payload(32)), 'EAGAIN')
    web.drain(ring)
    t.same([db.sink.take(), other.sink.take()], [['space web:80 32'], ['space web:80 32']])
  },
)

await t.test('what was promised a space event gets it, whatever it sends meanwhile', async t => {
  const { web, db, ring } = pair(128)
  db.send('web:80', payload(40))
  t.equal(db.send('web:80', payload(60)), 'EAGAIN')
  t.equal(db.send('web:80', payload(1)), 'ok')
  web.drain(ring)
  t.same(db.sink.take(), ['space web:80 96'])
})

await t.test(
  'bytes that are no messages are malformed, whatever else is wrong with them',
  async t => {
    const { machine, web, db, ring } = pair(128, [
      'reject *:* -> *:1',
      'drop *:* -> *:2',
      ACCEPT_ALL,
    ])
    const malformed = { ...refusedRun, refused: 0, code: null, malformed: true }
    const blocker = machine.client('blocker')
    blocker.ring(1)
    web.ring(90, 48)
    blocker.run('web:90', [payload(16), payload(16)])
    const cases: [Client, string, number][] = [
      [db, 'web:80', 1],
      [db, 'web:81', 1],
      [db, 'web:1', 1],
      [db, 'web:2', 1],
      [db, 'ghost:80', 1],
      [db, 'web:80', 7],
      [blocker, 'web:90', 1],
    ]
    for (const [client, to, from] of cases) {
      const what = `${to} from ${from}`
      t.same(client.run(to, [payload(16)], { from, count: 2 }), malformed, `${what}: too few`)
      t.same(client.run(to, [payload(16)], { from, count: 0 }), malformed, `${what}: none`)
      t.same(
        client.run(to, [payload(0), payload(0)], { from, count: 1 }),
        malformed,
        `${what}: too many`,
      )
      const run = {
        sourcePort: from as Port,
        target: machine.target(to.split(':')[0]!),
        port: Number(to.split(':')[1]) as Port,
        type: DGRAM,
        count: 2,
        retry: false,
      }
      const bytes = runOf([payload(16), payload(16)])
      const send = (end: number) => ({
        ...machine.hypervisor.sendRun(client.session, run, bytes, 0, end),
      })
      for (const end of [0, 8, 20]) t.same(send(end), malformed, `${what}: ${end} bytes`)
      for (const length of [0, 15, 100, 0xffffffff]) {
        bytes.view.setUint32(32, length, true)
        t.same(send(64), malformed, `${what}: a length of ${length}`)
      }
    }
    const { counters } = db.session.domain
    t.same([ring.buffer.txOffset, counters.datagramsRefused, counters.datagramsDropped], [0, 0, 0])
    t.equal(machine.flows.length, 1, 'only what the blocker got in')
  },
)

await t.test('a run is read from where it lies in its buffer', async t => {
  const { machine, web, db, ring } = pair()
  const inner = runOf([payload(20)]).bytes
  const bytes = frameBytes(Buffer.concat([payload(7), inner, payload(5)]))
  const run = {
    sourcePort: 1 as Port,
    target: machine.target('web'),
    port: 80 as Port,
    type: DGRAM,
    count: 1,
    retry: false,
  }
  t.match(machine.hypervisor.sendRun(db.session, run, bytes, 7, 7 + inner.length), { accepted: 1 })
  t.strictSame(web.drain(ring)[0]!.data, payload(20))
})

await t.test('counters are exact', async t => {
  const { machine, web, db, ring } = pair(128, ['drop *:* -> *:2', 'accept *:* -> *:80'])
  db.run('web:80', [payload(10), payload(20)])
  db.send('web:80', payload(3))
  db.send('web:80', payload(3))
  db.run('web:2', [payload(5), payload(6)])
  db.send('web:3', payload(7))
  db.send('web:80', payload(1), { from: 9 })
  t.same(db.session.domain.counters, {
    datagramsSent: 3,
    bytesSent: 33,
    datagramsReceived: 0,
    bytesReceived: 0,
    datagramsRefused: 3,
    datagramsDropped: 2,
  })
  t.match(web.session.domain.counters, {
    datagramsReceived: 3,
    bytesReceived: 33,
    datagramsSent: 0,
  })
  t.equal(ring.datagrams, 3)
  const hits = (id: string) => {
    const { hits, bytes } = machine.hypervisor.ruleCounter(id)
    return [hits, bytes]
  }
  t.same(
    [hits('r1'), hits('r2'), hits(DEFAULT_ID)],
    [
      [2, 11],
      [3, 33],
      [1, 7],
    ],
  )
})

await t.test(
  'a flow is recorded when its first datagram passes, however often it was refused',
  async t => {
    const { machine, web, db, ring } = pair(48)
    const passed = () => machine.flows.filter(flow => flow.code === null).length
    const target = machine.target('web')
    const query = { target, port: 80 as Port, spaceRequired: 0, wantRing: false }
    machine.hypervisor.notify(db.session, 1 as Port, [query], DGRAM)
    db.send('web:80', payload(17))
    t.equal(passed(), 0)
    db.run('web:80', [payload(16)])
    t.match(machine.flows.at(-1)!, {
      code: null,
      source: { domain: 'db', port: 1 },
      destination: { domain: 'web', port: 80 },
      type: DGRAM,
      datagrams: 1,
      bytes: 16,
      verdict: { action: 'accept', position: 1, revision: 1 },
    })
    web.drain(ring)
    db.send('web:80', payload(1))
    t.equal(passed(), 1)
    web.drain(ring)
    db.send('web:80', payload(1), { type: STREAM })
    t.equal(passed(), 2)
    machine.hypervisor.setPolicy(policyOf(2, ACCEPT_ALL))
    web.drain(ring)
    db.send('web:80', payload(1))
    t.equal(passed(), 3)
  },
)

await t.test('an owner frees only what it was given', async t => {
  const { machine, db, ring } = pair(128)
  db.send('web:80', payload(16))
  t.equal(machine.hypervisor.consume(ring, 32), false)
  ring.givenOffset = 32
  t.equal(machine.hypervisor.consume(ring, 8), false)
  t.equal(machine.hypervisor.consume(ring, 32), true)
  t.equal(machine.hypervisor.consume(ring, 32), true)
  t.equal(machine.hypervisor.consume(ring, 16), true)
  t.equal(machine.hypervisor.consume(ring, 48), false)
  t.equal(ring.share.heldBytes(db.session.domain.id), 0)
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
