import t from 'tap'
import { jsonBytes } from '../../../src/control/policy/json-bytes.js'
import { ownBuffers } from '../../../src/control/policy/own-buffers.js'

void t.test('a value is written as JSON in UTF-8, in bytes that can be handed over', t => {
  const value = { text: 'caf\u00e9 \u2615', list: [1, null] }
  const json = jsonBytes(value)
  t.same(JSON.parse(Buffer.from(json).toString('utf8')), value)
  t.same(ownBuffers({ json }), [json.buffer])
  t.end()
})
