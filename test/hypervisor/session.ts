import t from 'tap'
import type { DomainId } from '../../src/abi/addr.js'
import { Domain } from '../../src/hypervisor/domain.js'
import type { Ring } from '../../src/hypervisor/ring.js'
import { Session } from '../../src/hypervisor/session.js'
import { Machine, Recorder } from './fixtures/machine.js'

await t.test('handles count up, start over at 0xffff and pass over those in use', async t => {
  const session = new Session(1, new Domain(1 as DomainId, 'web', []), new Recorder())
  const ring: Ring = new Machine().client('x').ring(1)
  t.same([session.nextHandle(), session.nextHandle()], [1, 2])
  session.rings.set(1, ring)
  for (let handle = 3; handle <= 0xffff; handle++) session.nextHandle()
  t.equal(session.nextHandle(), 2)
  session.lostRings.set(3, ring.buffer)
  t.equal(session.nextHandle(), 4)
})
