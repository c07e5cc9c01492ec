import t from 'tap'
import * as abi from '../../src/abi/index.js'

await t.test('the package offers the whole contract as v4vd/abi', async t => {
  for (const name of [
    'DOMID_ANY',
    'FRAME',
    'FrameReader',
    'PROTOCOL_VERSION',
    'defaultLimits',
    'encodeMessageHeader',
    'endReasonInfo',
    'errorInfo',
    'formatDecisionId',
    'parseEndpoint',
  ]) {
    t.ok(name in abi, name)
  }
})
