import t from 'tap'
import { seenFlowView } from '../../../src/control/policy/seen-flow-view.js'

void t.test('a port that the daemon picked is written *', t => {
  const ends = { source: 'a', sourcePort: 7, destination: 'b', destinationPort: 0x80000000 }
  const rest = { rule: 'r1', datagrams: 1, bytes: 1, firstAt: 1, lastAt: 2 }
  t.match(seenFlowView({ ...ends, ...rest, type: 'dgram', effect: 'drop' }), {
    source: 'a:7',
    destination: 'b:*',
    verdict: 'drop',
  })
  t.end()
})
