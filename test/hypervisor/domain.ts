import t from 'tap'
import type { DomainId, Port } from '../../src/abi/addr.js'
import { Domain } from '../../src/hypervisor/domain.js'
import { Machine } from './fixtures/machine.js'

await t.test('the ring made for a sender matches before the wildcard one', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const [a, b] = [machine.domain('a'), machine.domain('b')]
  const forA = web.ring(80, 48, { partner: a.id })
  const { domain } = web.session
  const port = 80 as Port
  t.equal(domain.matchRing(port, a.id), forA)
  t.equal(domain.matchRing(port, b.id), undefined)
  const open = web.ring(80)
  t.equal(domain.matchRing(port, a.id), forA)
  t.equal(domain.matchRing(port, b.id), open)
  t.equal(domain.matchRing(81 as Port, a.id), undefined)
})

await t.test('no two ports and partners have the same key', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const rings = [0x7ffffffe, 0xfffffffe, 1, 0x10000].map(port => web.ring(port, 48))
  for (const ring of rings) {
    t.equal(web.session.domain.matchRing(ring.id.port, 3 as DomainId), ring)
  }
})

await t.test('a party is what events name', async t => {
  t.same(new Domain(7 as DomainId, 'web', ['x']).party, { name: 'web', id: 7 })
})

await t.test('it was last seen when a session of it began or ended', async t => {
  const machine = new Machine()
  const web = machine.domain('web')
  t.equal(web.lastSeenAt, 0)
  const { session } = machine.client('web')
  t.equal(web.lastSeenAt, 1000)
  machine.now = 5000
  t.equal(web.lastSeenAt, 1000)
  machine.hypervisor.endSession(session)
  t.equal(web.lastSeenAt, 5000)
})
