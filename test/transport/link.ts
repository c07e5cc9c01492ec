import t from 'tap'
import { LINK_KINDS } from '../../src/transport/link.js'

await t.test('the kinds of links are the names that sessions are listed with', t => {
  t.same(LINK_KINDS, ['unix', 'websocket', 'memory', 'shared-memory'])
  t.end()
})
