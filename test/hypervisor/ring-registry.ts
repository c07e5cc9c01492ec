import t from 'tap'
import {
  DOMID_ANY,
  PORT_ANY,
  PORT_EPHEMERAL_MAX,
  PORT_EPHEMERAL_MIN,
  type DomainId,
} from '../../src/abi/addr.js'
import { RING_BYTES_MAX } from '../../src/abi/limits.js'
import { RingRegistry, type RingRequest } from '../../src/hypervisor/ring-registry.js'
import { Machine, payload, type Client } from './fixtures/machine.js'

const wanted: RingRequest = { port: 80, partner: DOMID_ANY, length: 4096, failExist: false }

/** 'ok', or the code and the detail. */
function register(client: Client, request: Partial<RingRequest>): string {
  const outcome = client.machine.hypervisor.registerRing(client.session, { ...wanted, ...request })
  return outcome.ok ? 'ok' : `${outcome.code} ${outcome.detail}`.trim()
}

await t.test('a ring is noted with its session and its domain', async t => {
  const client = new Machine().client('web')
  const ring = client.ring(80, 4096)
  const { session } = client
  t.same(ring.id, { domain: session.domain.id, port: 80, partner: DOMID_ANY })
  t.equal(session.rings.get(ring.handle), ring)
  t.equal(session.isBound(ring.id.port), true)
  t.equal(session.domain.ringBytes, 4096)
  t.same([...session.domain.rings.values()], [ring])
})

await t.test('a length that no ring has is EINVAL', async t => {
  const client = new Machine().client('web')
  for (const length of [0, 32, 50, RING_BYTES_MAX + 16, -16, NaN]) {
    t.match(register(client, { length }), /^EINVAL a ring is 48 to/)
  }
  t.equal(register(client, { port: 1, length: 48 }), 'ok')
  t.equal(register(client, { port: 2, length: RING_BYTES_MAX }), 'ok')
})

await t.test('a port that can not be bound is EINVAL', async t => {
  const client = new Machine().client('web')
  for (const port of [PORT_ANY, PORT_ANY + 1, -1, 1.5, NaN]) {
    t.equal(register(client, { port }), `EINVAL a port is 0 to 4294967294, not ${port}`)
  }
  t.equal(register(client, { port: PORT_ANY - 1 }), 'ok')
})

await t.test('a partner that is not there is ESRCH', async t => {
  const client = new Machine().client('web')
  t.equal(register(client, { partner: 99 as DomainId }), 'ESRCH the partner is not a domain')
  t.equal(register(client, { partner: 0 as DomainId }), 'ESRCH the partner is not a domain')
})

await t.test(
  'a ring for one partner is noted with it, and a port may have several rings',
  async t => {
    const machine = new Machine()
    const client = machine.client('web')
    const db = machine.client('db').session.domain
    const wildcard = client.ring(80)
    const exact = client.ring(80, 64, { partner: db.id })
    t.same([...db.partnerRings], [exact])
    t.equal(client.session.domain.matchRing(exact.id.port, db.id), exact)
    t.equal(client.session.domain.matchRing(exact.id.port, client.session.domain.id), wildcard)
    t.equal(client.session.ports.get(exact.id.port), 2)
    t.same(machine.hypervisor.unregisterRing(client.session, exact.handle), { ok: true })
    t.equal(db.partnerRings.size, 0)
    t.equal(client.session.isBound(exact.id.port), true, 'the other ring still has the port')
    machine.hypervisor.unregisterRing(client.session, wildcard.handle)
    t.equal(client.session.isBound(exact.id.port), false)
    t.equal(client.session.domain.ringBytes, 0)
  },
)

await t.test('the same ring again is emptied, goes on, and who waited is told', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  const ring = web.ring(80, 48)
  db.ring(1)
  db.send('web:80', payload(16))
  t.equal(db.send('web:80', payload(16)), 'EAGAIN')
  t.equal(web.ring(80, 48), ring)
  t.same([ring.buffer.usedBytes, ring.buffer.txOffset, ring.givenOffset], [0, 32, 32])
  t.same(db.sink.take(), ['space web:80 16'])
  t.equal(web.session.domain.rings.size, 1)
  t.equal(web.session.domain.ringBytes, 48)
  t.equal(db.send('web:80', payload(16)), 'ok')
})

await t.test(
  'the same ring is refused with failExist, of another length, or to another session',
  async t => {
    const machine = new Machine()
    const client = machine.client('web')
    const other = machine.client('web')
    client.ring(80)
    t.equal(register(client, { failExist: true }), 'EEXIST this session has that ring')
    t.equal(
      register(client, { length: 8192 }),
      'EEXIST that ring is 4096 bytes long and is not resized',
    )
    t.equal(register(other, {}), 'EADDRINUSE')
  },
)

await t.test('a domain has so many rings at most, over all its sessions', async t => {
  const machine = new Machine(undefined, { ringsPerDomainMax: 2 })
  const client = machine.client('web')
  const other = machine.client('web')
  client.ring(80)
  other.ring(81)
  t.equal(register(client, { port: 82 }), 'ENOSPC a domain has at most 2 rings')
  t.equal(register(client, { port: 80 }), 'ok', 'what is there can be registered again')
  t.equal(register(machine.client('db'), { port: 82 }), 'ok')
  other.end()
  t.equal(register(client, { port: 82 }), 'ok')
})

await t.test("a domain's rings have so many bytes at most", async t => {
  const machine = new Machine(undefined, { ringBytesPerDomainMax: 8192 })
  const client = machine.client('web')
  const ring = client.ring(80)
  t.equal(
    register(client, { port: 81, length: 4112 }),
    "ENOSPC a domain's rings have at most 8192 bytes",
  )
  t.equal(register(client, { port: 81, length: 4096 }), 'ok')
  machine.hypervisor.unregisterRing(client.session, ring.handle)
  t.equal(register(client, { port: 82, length: 4096 }), 'ok')
})

await t.test('port 0 picks a port of the ephemeral range that the domain does not use', async t => {
  const machine = new Machine()
  const client = machine.client('web')
  client.ring(PORT_EPHEMERAL_MIN + 1)
  const ports = [1, 2, 3].map(() => client.ring(0).id.port - PORT_EPHEMERAL_MIN)
  t.same(ports, [0, 2, 3])
})

await t.test('the ephemeral range starts over at its end', async t => {
  const machine = new Machine()
  const { session } = machine.client('web')
  const registry = new RingRegistry(
    machine.hypervisor.limits,
    () => undefined,
    () => undefined,
    PORT_EPHEMERAL_MAX,
  )
  const ports = [1, 2].map(() => {
    const outcome = registry.register(session, { ...wanted, port: 0 })
    return outcome.ok ? outcome.ring.id.port : undefined
  })
  t.same(ports, [PORT_EPHEMERAL_MAX, PORT_EPHEMERAL_MIN])
})

await t.test('a handle that the session does not have is ENOENT', async t => {
  const machine = new Machine()
  const client = machine.client('web')
  const ring = machine.client('web').ring(80)
  client.ring(81)
  for (const handle of [0, 2, 0x10000]) {
    t.match(machine.hypervisor.unregisterRing(client.session, handle), {
      ok: false,
      code: 'ENOENT',
      detail: `this session has no ring ${handle}`,
    })
  }
  t.equal(ring.owner.rings.size, 1)
})

await t.test('a session that has ended registers nothing', async t => {
  const client = new Machine().client('web')
  client.end()
  t.equal(register(client, {}), 'ECONNRESET')
})

await t.test(
  'who waits for a ring, was refused by it or sent to it is told when it goes',
  async t => {
    const machine = new Machine(undefined, { waitersPerRingMax: 1 })
    const web = machine.client('web')
    const ring = web.ring(80, 48)
    const [sent, waits, refused, other] = ['a', 'b', 'c', 'd'].map(name => machine.client(name))
    for (const client of [sent!, waits!, refused!, other!]) client.ring(1)
    sent!.send('web:80', payload(16))
    t.equal(waits!.run('web:80', [payload(16)]).code, 'EAGAIN')
    t.equal(refused!.run('web:80', [payload(16)]).code, 'EBUSY')
    machine.hypervisor.unregisterRing(web.session, ring.handle)
    for (const client of [sent!, waits!, refused!]) {
      t.same(client.sink.take(), ['ring-down web:80'])
      t.same([client.session.sentTo.size, client.session.waitingFor.size], [0, 0])
      t.equal(client.session.blockedOn.size, 0)
    }
    t.same(other!.sink.take(), [])
    t.same([ring.senders.size, ring.blocked.size, ring.waiters.sessions()], [0, 0, []])
    t.same(ring.waiters.domains.size, 0)
  },
)

await t.test(
  'who had datagrams from a port is told when no ring has that port any more',
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const db = machine.client('db')
    web.ring(80)
    const one = db.ring(1)
    const two = db.ring(1, 64, { partner: web.session.domain.id })
    db.ring(2)
    t.equal(db.send('web:80', payload(3)), 'ok')
    machine.hypervisor.unregisterRing(db.session, one.handle)
    t.same(web.sink.take(), [])
    machine.hypervisor.unregisterRing(db.session, two.handle)
    t.same(web.sink.take(), ['ring-down db:1'])
    t.equal(db.send('web:80', payload(3), { from: 2 }), 'ok')
  },
)

await t.test('an owner that sends to itself is not told of its own doing', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const ring = web.ring(80)
  t.equal(web.send('web:80', payload(3), { from: 80 }), 'ok')
  machine.hypervisor.unregisterRing(web.session, ring.handle)
  t.same(web.sink.take(), [])
  t.equal(web.session.sentTo.size, 0)
})

await t.test('rings lie where the session says, as far as there is room', async t => {
  const machine = new Machine()
  const client = machine.client('web')
  const released: number[] = []
  const places = [256, 512].map(offset => ({
    bytes: new Uint8Array(4096),
    offset,
    release: () => released.push(offset),
  }))
  client.session.ringMemory = { take: () => places.shift() }
  const rings = [1, 2, 3].map(port => client.ring(port, 4096))
  t.same(
    rings.map(ring => ring.buffer.placeOffset),
    [256, 512, undefined],
  )
  machine.hypervisor.unregisterRing(client.session, rings[1]!.handle)
  t.same(released, [512], 'its owner does not want it any more')
  client.end()
  t.same(released, [512], 'what is unread can be read when the session has ended')
})

await t.test(
  'memory of a lost ring that its owner sees is its own until it unregisters',
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const db = machine.client('db')
    const released: number[] = []
    const partner = web.session.domain.id
    const inHeap = db.ring(1, 64, { partner })
    let offset = 0
    db.session.ringMemory = {
      take: bytes => {
        const at = (offset += 4096)
        return { bytes: new Uint8Array(bytes), offset: at, release: () => released.push(at) }
      },
    }
    const placed = db.ring(2, 64, { partner })
    const kept = db.ring(3, 64)
    machine.hypervisor.destroyDomain(web.session.domain)
    t.same([...db.session.rings.values()], [kept])
    t.same(released, [], 'it may still be read')
    const { hypervisor } = machine
    t.same(hypervisor.unregisterRing(db.session, placed.handle), { ok: true })
    t.same(released, [4096])
    t.match(hypervisor.unregisterRing(db.session, placed.handle), { code: 'ENOENT' })
    t.match(hypervisor.unregisterRing(db.session, inHeap.handle), { code: 'ENOENT' })
    t.same(released, [4096])
  },
)
