import { deepStrictEqual as deepEqual } from 'node:assert'
import t from 'tap'
import fc from 'fast-check'
import { frameBytes, writeHeader, type FrameBytes } from '../../src/abi/frame.js'
import { FrameReader } from '../../src/abi/frame-reader.js'
import { FRAME_BYTES_MAX } from '../../src/abi/limits.js'
import { behind } from '../fixtures/frame-examples.js'

/** A frame of so many bytes, each of its body's bytes being `fill`. */
function frameOf(length: number, fill: number): Uint8Array {
  const { bytes, view } = frameBytes(new Uint8Array(length).fill(fill))
  writeHeader(view, 0, length, fill, 0, 0, 0, 0)
  return bytes
}

/** A reader, what it handed over and what it holds of its owner's budget. */
class Probe {
  readonly frames: Uint8Array[] = []
  readonly reader: FrameReader
  charged = 0
  mostCharged = 0

  constructor(lengthMax: number, budget = Infinity) {
    const onFrame = (source: FrameBytes, at: number, length: number): undefined => {
      this.frames.push(source.bytes.slice(at, at + length))
    }
    this.reader = new FrameReader(lengthMax, onFrame, delta => {
      if (this.charged + delta > budget) return false
      this.charged += delta
      this.mostCharged = Math.max(this.mostCharged, this.charged)
      return true
    })
  }

  push(bytes: Uint8Array): string | undefined {
    return this.reader.push(frameBytes(bytes), 0, bytes.length)
  }
}

const lengthMax = 64 * 1024
const stream = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(255)), { minLength: 1, maxLength: 12 })
  .map(sizes => sizes.map(([slots, fill]) => frameOf(slots * 16, fill)))

await t.test('any cutting of a stream gives the same frames', async t => {
  const cuts = fc.array(fc.nat(1_000_000), { maxLength: 30 })
  fc.assert(
    fc.property(stream, cuts, (frames, places) => {
      const all = behind(0, ...frames)
      const ends = places.map(place => place % all.length).sort((a, b) => a - b)
      const probe = new Probe(lengthMax)
      let start = 0
      const chunk = frameBytes(all)
      for (const end of [...ends, all.length]) {
        deepEqual(probe.reader.push(chunk, start, end), undefined)
        start = end
      }
      deepEqual(probe.frames.length, frames.length)
      deepEqual(Buffer.compare(behind(0, ...probe.frames), all), 0)
      deepEqual([probe.reader.partialBytes, probe.charged], [0, 0])
    }),
    { numRuns: 300 },
  )
  t.pass('300 streams')
})

await t.test('a stream may come byte by byte', async t => {
  const frames = [frameOf(16, 1), frameOf(48, 2), frameOf(6000, 3), frameOf(16, 4)]
  const probe = new Probe(lengthMax)
  for (const byte of behind(0, ...frames)) probe.push(Uint8Array.of(byte))
  t.strictSame(probe.frames, frames)
  t.equal(probe.charged, 0)
})

await t.test('a frame that is whole in its chunk is handed over where it lies', async t => {
  const chunk = frameBytes(behind(8, frameOf(32, 1), frameOf(16, 2)))
  const seen: unknown[] = []
  const reader = new FrameReader(lengthMax, (source, at, length): undefined => {
    seen.push([source === chunk, at, length])
  })
  t.equal(reader.push(chunk, 8, 56), undefined)
  t.same(seen, [
    [true, 8, 32],
    [true, 40, 16],
  ])
})

await t.test('a reader that nobody charges keeps what it needs', async t => {
  const lengths: number[] = []
  const reader = new FrameReader(lengthMax, (_source, _at, length): undefined => {
    lengths.push(length)
  })
  const chunk = frameBytes(frameOf(32, 1))
  reader.push(chunk, 0, 20)
  reader.push(chunk, 20, 32)
  t.same(lengths, [32])
})

await t.test('a frame that never ends is kept until the stream is closed', async t => {
  const probe = new Probe(lengthMax)
  t.equal(probe.push(frameOf(64, 1).subarray(0, 63)), undefined)
  t.equal(probe.reader.partialBytes, 63)
  t.equal(probe.charged, 4096)
  probe.reader.close()
  t.equal(probe.reader.partialBytes, 0)
  t.equal(probe.charged, 0)
  t.equal(probe.push(frameOf(16, 1)), 'the stream is closed')
  t.same(probe.frames, [])
  probe.reader.close()
  t.equal(probe.charged, 0, 'closing again gives nothing back twice')
})

await t.test('a length that no frame has ends the stream', async t => {
  for (const length of [0, 8, 15, 17, 24, 0xffffffff]) {
    const bytes = new Uint8Array(32)
    frameBytes(bytes).view.setUint32(0, length, true)
    const problem = `a frame says it is ${length} bytes long, which is not a multiple of 16 from 16 up`
    t.equal(new Probe(FRAME_BYTES_MAX).push(bytes), problem, `${length}, whole`)

    const probe = new Probe(FRAME_BYTES_MAX)
    t.equal(probe.push(bytes.subarray(0, 15)), undefined)
    t.equal(probe.push(bytes.subarray(15)), problem, `${length}, in two`)
    t.equal(probe.push(frameOf(16, 1)), problem, 'and it stays so')
    t.equal(probe.reader.wrongLength, length)
    t.same(probe.frames, [])
    probe.reader.close()
    t.equal(probe.charged, 0)
  }
})

await t.test('a length above the limit ends the stream before its body comes', async t => {
  const probe = new Probe(1024)
  const problem = 'a frame says it is 1040 bytes long, and 1024 is the most here'
  t.equal(probe.push(frameOf(1040, 1).subarray(0, 16)), problem)
  t.same([probe.reader.wrongLength, probe.reader.lengthMax], [1040, 1024])
  t.equal(probe.charged, 0)
  t.equal(new Probe(1024).push(frameOf(1040, 1)), problem)
  const whole = new Probe(1024)
  t.equal(whole.push(frameOf(1024, 1)), undefined)
  t.equal(whole.reader.wrongLength, undefined)
})

await t.test('the limit can be raised between two frames of a chunk', async t => {
  const lengths: number[] = []
  const reader: FrameReader = new FrameReader(16, (_source, _at, length): undefined => {
    lengths.push(length)
    reader.lengthMax = 64
  })
  const chunk = frameBytes(behind(0, frameOf(16, 1), frameOf(64, 2)))
  t.equal(reader.push(chunk, 0, 80), undefined)
  t.same(lengths, [16, 64])
})

await t.test('text instead of frames ends the stream', async t => {
  const probe = new Probe(1024)
  const text = new TextEncoder().encode('GET / HTTP/1.1\r\nHost: v4v\r\n\r\n')
  t.match(probe.push(text), /^a frame says it is 542393671 bytes long, which is not a multiple/)
})

await t.test('what is kept grows with what arrived, not with what was announced', async t => {
  const whole = frameOf(1024 * 1024, 7)
  const probe = new Probe(FRAME_BYTES_MAX)
  for (let start = 0; start < whole.length; start += 5000) {
    probe.push(whole.subarray(start, start + 5000))
    const arrived = Math.min(start + 5000, whole.length)
    if (probe.charged > Math.max(4096, 2 * arrived)) t.fail(`${probe.charged} for ${arrived}`)
  }
  t.equal(probe.mostCharged, 1024 * 1024)
  t.equal(probe.charged, 0)
  t.strictSame(probe.frames, [whole])
})

await t.test('a frame larger than any spare buffer is given back as well', async t => {
  const whole = frameOf(3 * 1024 * 1024, 7)
  const probe = new Probe(FRAME_BYTES_MAX)
  probe.push(whole.subarray(0, whole.length - 1))
  t.equal(probe.charged, 4 * 1024 * 1024)
  probe.push(whole.subarray(whole.length - 1))
  t.equal(probe.charged, 0)
  t.equal(probe.frames.length, 1)
})

await t.test('who may not keep more ends the stream', async t => {
  const problem = 'too many bytes of frames that are not whole'
  const atOnce = new Probe(lengthMax, 0)
  t.equal(atOnce.push(frameOf(64, 1).subarray(0, 20)), problem)

  const later = new Probe(lengthMax, 4096)
  const frame = frameOf(16_000, 1)
  t.equal(later.push(frame.subarray(0, 4000)), undefined)
  t.equal(later.push(frame.subarray(4000, 9000)), problem)
  later.reader.close()
  t.equal(later.charged, 0)
})

await t.test('many streams cut at once keep their bytes apart', async t => {
  const probes = Array.from({ length: 20 }, () => new Probe(lengthMax))
  for (const [index, { reader }] of probes.entries()) {
    reader.push(frameBytes(frameOf(160, index)), 0, 100)
  }
  for (const [index, { reader }] of probes.entries()) {
    reader.push(frameBytes(frameOf(160, index)), 100, 160)
  }
  for (const [index, probe] of probes.entries()) t.strictSame(probe.frames, [frameOf(160, index)])
})

await t.test('what the handler finds wrong ends the stream', async t => {
  for (const chunkBytes of [48, 20]) {
    let calls = 0
    const reader = new FrameReader(lengthMax, () => {
      calls++
      return 'frame type 9 is not one a client sends'
    })
    const bytes = behind(0, frameOf(16, 9), frameOf(32, 9))
    let problem: string | undefined
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      const chunk = bytes.subarray(start, start + chunkBytes)
      problem = reader.push(frameBytes(chunk), 0, chunk.length)
    }
    t.equal(problem, 'frame type 9 is not one a client sends')
    t.equal(calls, 1)
  }
})

await t.test('a handler may close the reader it is called by', async t => {
  for (const first of [0, 10]) {
    let calls = 0
    let charged = 0
    const reader: FrameReader = new FrameReader(
      lengthMax,
      (source, at, length): undefined => {
        calls++
        reader.close()
        t.strictSame(
          source.bytes.slice(at, at + length),
          frameOf(32, 1),
          'its frame is still there',
        )
      },
      delta => {
        charged += delta
        return true
      },
    )
    const chunk = frameBytes(behind(0, frameOf(32, 1), frameOf(32, 2)))
    reader.push(chunk, 0, first)
    t.equal(reader.push(chunk, first, 64), 'the stream is closed')
    t.equal(calls, 1)
    t.equal(charged, 0)
  }
})

await t.test('a handler that throws leaves nothing kept', async t => {
  let charged = 0
  const reader = new FrameReader(
    lengthMax,
    () => {
      throw new Error('a bug')
    },
    delta => {
      charged += delta
      return true
    },
  )
  const chunk = frameBytes(frameOf(32, 1))
  reader.push(chunk, 0, 8)
  t.throws(() => reader.push(chunk, 8, 32), { message: 'a bug' })
  t.equal(charged, 0)
})
