import fc from 'fast-check'
import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { flowKey, type AskedFlow } from '../../src/hypervisor/asked-flow.js'
import { Machine } from './fixtures/machine.js'

await t.test('flows have the same key only if they are the same', async () => {
  const machine = new Machine([])
  const domains = ['a', 'b'].map(name => machine.client(name).session.domain)
  const number = fc.integer({ min: 0, max: 2 }) as fc.Arbitrary<Port>
  const flow: fc.Arbitrary<Omit<AskedFlow, 'source'>> = fc.record({
    sourcePort: fc.option(number, { nil: undefined }),
    destination: fc.constantFrom('a', 'b', 'b1'),
    port: number,
    type: number,
  })
  const asked = fc.record({ domain: fc.constantFrom(...domains), flow })
  fc.assert(
    fc.property(asked, asked, (one, other) => {
      const isSame =
        one.domain === other.domain && JSON.stringify(one.flow) === JSON.stringify(other.flow)
      return (flowKey(one.domain, one.flow) === flowKey(other.domain, other.flow)) === isSame
    }),
  )
})
