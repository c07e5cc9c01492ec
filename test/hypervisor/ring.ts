import fc from 'fast-check'
import t from 'tap'
import { DOMID_ANY, DOMID_MAX, type DomainId, type Port } from '../../src/abi/addr.js'
import { ringKey } from '../../src/hypervisor/ring.js'

void t.test('two rings of a domain have one key only when port and partner are the same', t => {
  const port = fc.integer({ min: 0, max: 0xfffffffe }) as fc.Arbitrary<Port>
  const ids = [fc.integer({ min: 0, max: DOMID_MAX }), fc.constant(DOMID_ANY as number)]
  const partner = fc.oneof(...ids) as fc.Arbitrary<DomainId>
  fc.assert(
    fc.property(port, partner, port, partner, (p, q, r, s) => {
      return (ringKey(p, q) === ringKey(r, s)) === (p === r && q === s)
    }),
  )
  t.ok(Number.isSafeInteger(ringKey(0xfffffffe as Port, DOMID_ANY)))
  t.end()
})
