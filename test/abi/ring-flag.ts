import t from 'tap'
import { RING_FLAG } from '../../src/abi/ring-flag.js'

void t.test("the flags are Argo's bits, each its own", t => {
  t.same(Object.values(RING_FLAG), [0x01, 0x02, 0x04, 0x08, 0x10, 0x20])
  t.same(RING_FLAG, { EXISTS: 1, SHARED: 2, EMPTY: 4, SUFFICIENT: 8, EMSGSIZE: 16, EBUSY: 32 })
  t.end()
})
