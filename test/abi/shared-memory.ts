import t from 'tap'
import {
  CHUNKS_AT,
  DOWN_QUEUE_AT,
  hasNonce,
  SHARED_BYTES_MAX,
  SHARED_CHUNK_BYTES,
  SHARED_WORD,
  sharedLayout,
  sharedLayoutOf,
  sharedMemory,
  UP_QUEUE_AT,
  writeNonce,
} from '../../src/abi/shared-memory.js'

await t.test('the parts lie where the page says', async t => {
  t.same([UP_QUEUE_AT, DOWN_QUEUE_AT, CHUNKS_AT], [4096, 12_288, 274_432])
  t.same(sharedLayout(24, 8192), {
    chunks: 24,
    ringsAt: CHUNKS_AT + 24 * SHARED_CHUNK_BYTES,
    bytes: CHUNKS_AT + 24 * SHARED_CHUNK_BYTES + 8192,
  })
})

await t.test('words of the two sides are never on one line of the cache', async t => {
  const lines = Object.values(SHARED_WORD).map(word => Math.floor(word / 16))
  t.equal(new Set(lines).size, lines.length)
  t.ok(Math.max(...Object.values(SHARED_WORD)) < 4096 / 4, 'and all are in the header page')
})

await t.test('a client makes the same layout of what it is told, or none', async t => {
  const layout = sharedLayout(3, 4096)
  t.same(sharedLayoutOf(layout.bytes, 3), layout)
  t.same(sharedLayoutOf(sharedLayout(3, 0).bytes, 3), sharedLayout(3, 0), 'without room for rings')
  t.equal(sharedLayoutOf(layout.bytes, 4), undefined, 'more chunks than there is room for')
  t.equal(sharedLayoutOf(layout.bytes, 0), undefined, 'no chunk')
  t.equal(sharedLayoutOf(layout.bytes + 16, 3), undefined, 'no whole pages')
  t.equal(sharedLayoutOf(SHARED_BYTES_MAX, 3), undefined, 'longer than any')
})

await t.test('a segment is recognised by its random words', async t => {
  const memory = sharedMemory(new Uint8Array(64).subarray(16))
  const nonce = [1, 0xffffffff, 0x80000000, 7]
  writeNonce(memory, nonce)
  t.ok(hasNonce(memory, nonce))
  t.notOk(hasNonce(memory, [1, 0xffffffff, 0x80000000, 8]))
  t.equal(memory.view.getUint32(4, true), 0xffffffff)
  t.equal(memory.words.length, 12)
})
