import fc from 'fast-check'
import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { MESSAGE_HEADER_BYTES } from '../../src/abi/limits.js'
import { messageSlotsBytes } from '../../src/abi/message.js'
import { DGRAM, Machine, payload, runOf, STREAM } from '../hypervisor/fixtures/machine.js'

await t.test(
  'whatever a sender writes into a header, the true source and type arrive',
  async () => {
    const machine = new Machine()
    const web = machine.client('web')
    const ring = web.ring(80, 4096)
    const senders = ['a', 'b'].map(name => machine.client(name))
    const ports = [1, 0x80000000, 0xfffffffe]
    for (const sender of senders) for (const port of ports) sender.ring(port, 48)
    const header = fc.uint8Array({ minLength: 12, maxLength: 12 })
    const messages = fc.array(fc.tuple(header, fc.nat({ max: 60 })), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.nat(1), fc.nat(2), fc.boolean(), messages, (who, which, isStream, wanted) => {
        const { session } = senders[who]!
        const sourcePort = ports[which]! as Port
        const type = isStream ? STREAM : DGRAM
        const run = runOf(wanted.map(([, length]) => payload(length)))
        let at = 0
        for (const [forged, length] of wanted) {
          run.bytes.set(forged, at + 4)
          run.bytes.fill(0xff, at + MESSAGE_HEADER_BYTES + length, at + messageSlotsBytes(length))
          at += messageSlotsBytes(length)
        }
        const target = machine.target('web')
        const flow = {
          sourcePort,
          target,
          port: 80 as Port,
          type,
          count: wanted.length,
          retry: true,
        }
        const { accepted } = machine.hypervisor.sendRun(session, flow, run, 0, run.bytes.length)
        const received = web.drain(ring)
        return (
          accepted === wanted.length &&
          received.length === accepted &&
          received.every(
            ({ source, type: stamped, data }, i) =>
              source.domain === session.domain.id &&
              source.port === sourcePort &&
              stamped === type &&
              Buffer.from(data).equals(payload(wanted[i]![1])),
          )
        )
      }),
      { numRuns: 500 },
    )
  },
)

await t.test(
  "nobody sends from a port that is not its own, be it another session's of its domain",
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const ring = web.ring(80)
    const db = machine.client('db')
    const dbRing = db.ring(1)
    const other = machine.client('db')
    t.equal(other.send('web:80', payload(1)), 'EADDRNOTAVAIL')
    t.equal(other.run('web:80', [payload(1)]).code, 'EADDRNOTAVAIL')
    t.equal(web.send('web:80', payload(1)), 'EADDRNOTAVAIL')
    t.equal(db.send('web:80', payload(1)), 'ok')
    machine.hypervisor.unregisterRing(db.session, dbRing.handle)
    t.equal(db.send('web:80', payload(1)), 'EADDRNOTAVAIL', 'nor from one that it gave back')
    t.equal(web.drain(ring).length, 1)
  },
)

await t.test(
  'a number that is used again does not make old datagrams come from the new domain',
  async t => {
    const machine = new Machine(['accept old:* -> *:*'])
    const web = machine.client('web')
    const ring = web.ring(80)
    const old = machine.client('old')
    old.ring(1)
    t.equal(old.send('web:80', payload(1)), 'ok')
    const { id } = old.session.domain
    machine.hypervisor.destroyDomain(old.session.domain)
    t.equal(web.drain(ring)[0]!.source.domain, id)
    t.same(web.sink.take(), ['ring-down old:1', 'domain-down old'], 'its peers were told')
    machine.hypervisor.createDomain(id, 'new')
    const fresh = machine.client('new')
    fresh.ring(1)
    t.equal(fresh.send('web:80', payload(1)), 'EPERM', 'and what was allowed to it is forgotten')
  },
)
