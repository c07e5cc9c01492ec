import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { DEFAULT_ID } from '../../src/policy/rule.js'
import { ACCEPT_ALL, DGRAM, payload, policyOf, STREAM } from './fixtures/machine.js'
import { pair } from './fixtures/pair.js'

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
    machine.flows.map(flow => flow.effect),
    ['error', 'error', 'error', 'error', 'reject', 'reject'],
  )
  t.same(
    machine.flows.map(flow => flow.decisionId),
    [1, 2, 3, 4, 5, 6],
  )
})

await t.test('what can not be delivered is an error only where its rule accepts it', async t => {
  for (const [rule, effect] of [
    ['accept *:* -> *:*', 'error'],
    ['accept *:* -> *:* rate 5/s', 'error'],
    ['audit *:* -> *:*', 'audit'],
  ] as const) {
    const { machine, db } = pair(64, [rule])
    t.equal(db.send('web:81', payload(1)), 'ECONNREFUSED', rule)
    t.match(machine.flows, [{ effect, code: 'ECONNREFUSED' }], rule)
  }
  const { machine, db } = pair(64, [])
  machine.hypervisor.isAuditing = true
  t.equal(db.send('web:81', payload(1)), 'ECONNREFUSED')
  t.match(machine.flows, [{ effect: 'audit', code: 'ECONNREFUSED' }])
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
