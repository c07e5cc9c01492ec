import t from 'tap'
import type { DomainId, Port } from '../../src/abi/addr.js'
import type { Ring } from '../../src/hypervisor/ring.js'
import { DGRAM, Machine, payload, random, type Client } from '../hypervisor/fixtures/machine.js'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

/** Domains that do everything to each other which leaves a note somewhere. */
function live(machine: Machine, seed: number): { clients: Client[]; rings: Ring[] } {
  const below = random(seed)
  const clients = [...NAMES, ...NAMES].map(name => machine.client(name))
  const rings: Ring[] = []
  for (let step = 0; step < 2000; step++) {
    const client = clients[below(clients.length)]!
    const to = `${NAMES[below(NAMES.length)]!}:${below(3) + 1}`
    const from = below(3) + 1
    switch (below(6)) {
      case 0: {
        const partner = (below(2) === 0 ? 0x7ff4 : below(NAMES.length) + 1) as DomainId
        const request = { port: from, partner, length: 160, failExist: false }
        const outcome = machine.hypervisor.registerRing(client.session, request)
        if (outcome.ok) rings.push(outcome.ring)
        break
      }
      case 1: {
        const [name, port] = to.split(':')
        const target = machine.target(name!)
        const query = { target, port: Number(port) as Port, spaceRequired: 90, wantRing: true }
        machine.hypervisor.notify(client.session, from as Port, [query], DGRAM)
        break
      }
      case 2: {
        const ring = [...client.session.rings.values()][0]
        if (ring === undefined) break
        if (below(3) === 0) machine.hypervisor.unregisterRing(client.session, ring.handle)
        else client.drain(ring)
        break
      }
      default:
        client.run(to, [payload(30), payload(60)], { from, retry: below(2) === 0 })
    }
  }
  return { clients, rings }
}

function notesOf(ring: Ring): number {
  const { waiters, senders, blocked } = ring
  return waiters.sessions().length + waiters.domains.size + senders.size + blocked.size
}

await t.test('after a random life nothing is left of domains that die', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const machine = new Machine(undefined, { absentWaitersPerSessionMax: 8 })
    const { hypervisor } = machine
    const { clients, rings } = live(machine, seed)
    const alive = rings.reduce((sum, ring) => sum + notesOf(ring), 0)
    t.ok(alive > 0, `seed ${seed}: there was something to leave`)

    const [first, ...others] = NAMES.map(name => hypervisor.domainNamed(name)!)
    hypervisor.destroyDomain(first!)
    for (const ring of rings) {
      const sessions = [...ring.waiters.sessions(), ...ring.senders.keys(), ...ring.blocked]
      if (sessions.some(session => session.domain === first)) t.fail('the dead one is noted')
      if (ring.owner.domain === first && notesOf(ring) > 0) t.fail('its ring has notes')
    }
    for (const domain of others) hypervisor.destroyDomain(domain)

    t.equal(
      rings.reduce((sum, ring) => sum + notesOf(ring), 0),
      0,
    )
    for (const { session } of clients) {
      const { rings, ports, waitingFor, blockedOn, sentTo, wishes, domain } = session
      const notes = [rings, ports, waitingFor, blockedOn, sentTo, wishes, domain.sessions]
      const more = [domain.rings, domain.partnerRings]
      if ([...notes, ...more].some(({ size }) => size > 0) || domain.ringBytes > 0) {
        t.fail(`seed ${seed}: something is left with ${domain.name}`)
      }
    }
    for (const name of NAMES) {
      const target = machine.target(name)
      t.same([target.holders, target.wishes.size, target.domain], [1, 0, undefined])
    }
    machine.releaseTargets()
    for (const name of NAMES) t.equal(hypervisor.holdTarget(name).holders, 1, 'a new object')
    t.same([[...hypervisor.domains()], [...hypervisor.sessions()]], [[], []])
  }
})

await t.test('what an ended session sent from is not kept for ports that it gave back', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  const ring = web.ring(80)
  for (let i = 0; i < 500; i++) {
    const own = db.ring(0, 48)
    t.equal(db.send('web:80', payload(1), { from: own.id.port }), 'ok')
    web.drain(ring)
    machine.hypervisor.unregisterRing(db.session, own.handle)
  }
  t.equal(ring.senders.get(db.session)!.size, 0)
  db.end()
  t.equal(ring.senders.size, 0)
})
