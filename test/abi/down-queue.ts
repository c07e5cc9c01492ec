import fc from 'fast-check'
import t from 'tap'
import { DownReader, DownWriter } from '../../src/abi/down-queue.js'
import {
  CHUNKS_AT,
  DOWN_QUEUE_AT,
  DOWN_QUEUE_BYTES,
  SHARED_WORD,
  sharedMemory,
  type SharedMemory,
} from '../../src/abi/shared-memory.js'

function pair(first = 0): { memory: SharedMemory; writer: DownWriter; reader: DownReader } {
  const memory = sharedMemory(new Uint8Array(CHUNKS_AT + 16))
  memory.words[SHARED_WORD.DOWN_HEAD] = first
  memory.words[SHARED_WORD.DOWN_TAIL] = first
  return { memory, writer: new DownWriter(memory, first), reader: new DownReader(memory, first) }
}

/** Reads what lies in a row, without being done with it. */
function peek({ memory, reader }: { memory: SharedMemory; reader: DownReader }): Buffer {
  reader.read()
  return Buffer.from(memory.bytes.slice(reader.start, reader.end))
}

await t.test('bytes go through it in their order, in two pieces where they wrap', async t => {
  const queue = pair()
  const { memory, writer, reader } = queue
  t.equal(reader.read(), 0)
  writer.write(new Uint8Array(DOWN_QUEUE_BYTES - 3), 0, DOWN_QUEUE_BYTES - 3)
  t.equal(writer.room, 3)
  t.equal(reader.read(), DOWN_QUEUE_BYTES - 3)
  reader.done()
  writer.write(Uint8Array.of(9, 1, 2, 3, 4, 5, 9), 1, 6)
  t.same([...peek(queue)], [1, 2, 3])
  reader.done()
  t.same([...peek(queue)], [4, 5])
  t.equal(reader.start, DOWN_QUEUE_AT)
  reader.done()
  t.equal(reader.read(), 0)
  t.equal(writer.room, DOWN_QUEUE_BYTES)
  t.equal(memory.bytes[DOWN_QUEUE_AT + DOWN_QUEUE_BYTES], 0, 'and never beyond it')
})

await t.test('the daemon waits for room by saying so', async t => {
  const { writer, reader } = pair()
  t.notOk(reader.isSpaceWanted)
  writer.wantsSpace = true
  t.ok(reader.isSpaceWanted)
  writer.wantsSpace = false
  t.notOk(reader.isSpaceWanted)
})

await t.test('it is a stream of bytes, whoever acts when, beyond 2^32 too', async () => {
  const first = fc.oneof(
    fc.integer({ min: 0xffff0000, max: 0xffffffff }),
    fc.integer({ min: DOWN_QUEUE_BYTES - 100, max: DOWN_QUEUE_BYTES + 100 }),
  )
  const step = fc.oneof(fc.integer({ min: 1, max: 90_000 }), fc.constant(0))
  fc.assert(
    fc.property(first, fc.array(step, { maxLength: 40 }), (count, script) => {
      const queue = pair(count)
      const { writer, reader } = queue
      let written = 0
      let read = 0
      for (const wanted of script) {
        if (wanted > 0) {
          const size = Math.min(wanted, writer.room)
          const bytes = Uint8Array.from({ length: size }, (_, i) => (written + i) * 31)
          writer.write(bytes, 0, size)
          written += size
        } else {
          const bytes = peek(queue)
          if (bytes.some((byte, i) => byte !== (((read + i) * 31) & 0xff))) return false
          if (bytes.length === 0 && read !== written) return false
          reader.done()
          read += bytes.length
        }
        if (writer.room !== DOWN_QUEUE_BYTES - (written - read)) return false
      }
      return true
    }),
    { numRuns: 50 },
  )
})

await t.test('a tail or a head that can not be is seen', async t => {
  const { memory, writer, reader } = pair()
  writer.write(new Uint8Array(100), 0, 100)
  for (const tail of [101, 99 - DOWN_QUEUE_BYTES, 0x7fffffff]) {
    memory.words[SHARED_WORD.DOWN_TAIL] = tail
    t.equal(writer.room, -1, String(tail))
  }
  for (const head of [DOWN_QUEUE_BYTES + 1, -1, -0x80000000]) {
    memory.words[SHARED_WORD.DOWN_HEAD] = head
    t.equal(reader.read(), -1, String(head))
  }
})
