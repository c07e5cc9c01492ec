import fc from 'fast-check'
import t from 'tap'
import {
  CHUNKS_AT,
  SHARED_CHUNK_BYTES,
  SHARED_WORD,
  sharedLayout,
  sharedMemory,
  UP_QUEUE_AT,
  UP_QUEUE_LENGTH,
  type SharedMemory,
} from '../../src/abi/shared-memory.js'
import { UpReader, UpWriter } from '../../src/abi/up-queue.js'

const layout = sharedLayout(2, 4096)
// Descriptors are checked against the layout; the memory of what they point at is not touched.
const headOnly = (): SharedMemory => sharedMemory(new Uint8Array(CHUNKS_AT))

function pair(first = 0): { memory: SharedMemory; writer: UpWriter; reader: UpReader } {
  const memory = headOnly()
  memory.words[SHARED_WORD.UP_HEAD] = first
  memory.words[SHARED_WORD.UP_TAIL] = first
  return {
    memory,
    writer: new UpWriter(memory, first),
    reader: new UpReader(memory, layout, first),
  }
}

await t.test('what is pushed is read in its order, and taken when the reader says so', async t => {
  const { writer, reader } = pair()
  t.equal(reader.waiting, 0)
  const first = writer.position
  t.ok(writer.push(CHUNKS_AT, 64))
  const second = writer.position
  t.ok(writer.push(CHUNKS_AT + 64, 16))
  t.equal(reader.waiting, 2)
  t.ok(reader.read())
  t.same([reader.offset, reader.length], [CHUNKS_AT, 64])
  t.notOk(writer.isTaken(first))
  reader.done()
  t.ok(writer.isTaken(first))
  t.notOk(writer.isTaken(second))
  t.ok(reader.read())
  t.same([reader.offset, reader.length], [CHUNKS_AT + 64, 16])
  reader.done()
  t.ok(writer.isTaken(second))
  t.equal(reader.waiting, 0)
  t.equal(writer.room, UP_QUEUE_LENGTH)
})

await t.test('a full queue takes no more', async t => {
  const { writer, reader } = pair()
  for (let i = 0; i < UP_QUEUE_LENGTH; i++) writer.push(CHUNKS_AT, 16)
  t.equal(writer.room, 0)
  t.notOk(writer.push(CHUNKS_AT, 16))
  t.equal(reader.waiting, UP_QUEUE_LENGTH)
  reader.read()
  reader.done()
  t.equal(writer.room, 1)
  t.ok(writer.push(CHUNKS_AT, 16))
})

await t.test('a client waits for room by saying so', async t => {
  const { writer, reader } = pair()
  t.notOk(reader.isSpaceWanted)
  writer.wantsSpace = true
  t.ok(reader.isSpaceWanted)
  writer.wantsSpace = false
  t.notOk(reader.isSpaceWanted)
})

await t.test('it behaves as a list does, whoever acts when, beyond 2^32 too', async () => {
  const piece = fc.tuple(fc.nat(SHARED_CHUNK_BYTES / 16 - 1), fc.integer({ min: 1, max: 100 }))
  const steps = fc.array(fc.oneof(piece, fc.constant(undefined)), { maxLength: 200 })
  const first = fc.oneof(fc.constant(0), fc.integer({ min: 0xffffff00, max: 0xffffffff }))
  fc.assert(
    fc.property(first, steps, (count, script) => {
      const { writer, reader } = pair(count)
      const list: number[][] = []
      const positions: number[] = []
      for (const step of script) {
        if (step !== undefined) {
          const [offset, length] = [CHUNKS_AT + step[0] * 16, step[1] * 16]
          positions.push(writer.position)
          if (!writer.push(offset, length)) return false
          list.push([offset, length])
        } else if (list.length > 0) {
          const [offset, length] = list.shift()!
          if (!reader.read() || reader.offset !== offset || reader.length !== length) return false
          reader.done()
        }
        if (reader.waiting !== list.length) return false
        if (writer.room !== UP_QUEUE_LENGTH - list.length) return false
        const taken = positions.length - list.length
        if (positions.some((position, i) => writer.isTaken(position) !== i < taken)) return false
      }
      return true
    }),
  )
})

await t.test('a head that can not be is seen', async t => {
  const { memory, reader } = pair()
  for (const head of [UP_QUEUE_LENGTH + 1, -1, 0x7fffffff, -0x80000000]) {
    memory.words[SHARED_WORD.UP_HEAD] = head
    t.equal(reader.waiting, -1, String(head))
  }
  memory.words[SHARED_WORD.UP_HEAD] = UP_QUEUE_LENGTH
  t.equal(reader.waiting, UP_QUEUE_LENGTH)
})

await t.test('a descriptor of anything but a piece of the chunks is seen', async t => {
  const { memory, reader } = pair()
  const set = (offset: number, length: number): boolean => {
    memory.view.setUint32(UP_QUEUE_AT, offset, true)
    memory.view.setUint32(UP_QUEUE_AT + 4, length, true)
    return reader.read()
  }
  const end = layout.ringsAt
  t.ok(set(CHUNKS_AT, 16))
  t.ok(set(CHUNKS_AT, SHARED_CHUNK_BYTES), 'as much as a chunk holds')
  t.ok(set(CHUNKS_AT + 16, SHARED_CHUNK_BYTES), 'of two chunks')
  t.ok(set(end - 16, 16))
  for (const [offset, length] of [
    [CHUNKS_AT - 16, 32],
    [0, 16],
    [CHUNKS_AT, 0],
    [CHUNKS_AT, 8],
    [CHUNKS_AT + 8, 16],
    [end, 16],
    [end - 16, 32],
    [CHUNKS_AT, SHARED_CHUNK_BYTES + 16],
    [CHUNKS_AT, end - CHUNKS_AT],
    [CHUNKS_AT, end - CHUNKS_AT + 16],
    [CHUNKS_AT, 0xfffffff0],
    [0xfffffff0, 16],
    [0xfffffff0, 0xfffffff0],
    [CHUNKS_AT + 16, 0xffffffff],
  ] as const) {
    t.notOk(set(offset, length), `${length} at ${offset}`)
  }
})

await t.test('whatever is there, nothing but pieces of the chunks are read', async () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (offset, length) => {
      const { memory, reader } = pair()
      memory.words[UP_QUEUE_AT >>> 2] = offset
      memory.words[(UP_QUEUE_AT >>> 2) + 1] = length
      if (!reader.read()) return true
      return reader.offset >= CHUNKS_AT && reader.offset + reader.length <= layout.ringsAt
    }),
    { numRuns: 1000 },
  )
})

await t.test('a client does not fail by a tail that can not be', async t => {
  const { memory, writer } = pair()
  memory.words[SHARED_WORD.UP_TAIL] = 5
  t.equal(writer.room, 0)
  t.notOk(writer.push(CHUNKS_AT, 16))
})
