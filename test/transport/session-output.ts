import t from 'tap'
import { DOMID_ANY, MESSAGE_TYPES, type DomainId, type Port } from '../../src/abi/addr.js'
import { decodeEvent, encodePing } from '../../src/abi/control-frame.js'
import { readSentEntry, ringOffset, sentUpTo } from '../../src/abi/data-frame.js'
import {
  FRAME,
  frameBytes,
  frameLength,
  frameType,
  frameX,
  type FrameBytes,
} from '../../src/abi/frame.js'
import { Domain } from '../../src/hypervisor/domain.js'
import { Ring } from '../../src/hypervisor/ring.js'
import { Session } from '../../src/hypervisor/session.js'
import { SessionOutput } from '../../src/transport/session-output.js'

function makeRing(length: number, handle = 1): Ring {
  const domain = new Domain(1 as DomainId, 'web', [])
  const sink = { data: () => undefined, event: () => undefined, ended: () => undefined }
  const id = { domain: domain.id, port: 80 as Port, partner: DOMID_ANY }
  return new Ring(id, handle, new Session(1, domain, sink), length)
}

function fill(ring: Ring, messages: number, payloadBytes: number): void {
  const source = { domain: 2 as DomainId, port: 1 as Port }
  const payload = new Uint8Array(payloadBytes).fill(messages)
  for (let i = 0; i < messages; i++) {
    ring.buffer.insert([payload], payloadBytes, source, MESSAGE_TYPES.dgram)
  }
}

/** The frames in what is to be written; ring bytes are a chunk of their own. */
function frames(chunks: Uint8Array[]): FrameBytes[] {
  const { bytes, view } = frameBytes(Buffer.concat(chunks))
  const found: FrameBytes[] = []
  for (let at = 0; at < bytes.length;) {
    const length = frameLength(view, at)
    found.push(frameBytes(bytes.subarray(at, at + length)))
    at += length
  }
  return found
}

await t.test('frames go out in their order, once', t => {
  const output = new SessionOutput()
  t.ok(output.isEmpty)
  output.frame(encodePing(FRAME.PING, 1, 0))
  output.event({ kind: 'space', target: 2, port: 80, value: 5 })
  t.equal(output.waitingBytes, 32)
  t.notOk(output.isEmpty)
  const types = frames(output.take()).map(({ view }) => frameType(view, 0))
  t.same(types, [FRAME.PING, FRAME.EVENT])
  t.ok(output.isEmpty)
  t.equal(output.waitingBytes, 0)
  t.same(output.take(), [])
  t.end()
})

await t.test('however many sends are decided, one frame says so', t => {
  const output = new SessionOutput()
  for (let seq = 1; seq <= 1000; seq++) output.sent(seq)
  t.equal(output.waitingBytes, 0)
  const [sent, ...more] = frames(output.take())
  t.equal(sentUpTo(sent!.view, 0), 1000)
  t.equal(more.length, 0)
  t.same(output.take(), [], 'and says it once')
  t.end()
})

await t.test('how little room rings have is told in front of the SENT it is about', t => {
  const output = new SessionOutput()
  output.room(2, 80, 500)
  output.room(2, 80, 400)
  output.room(2, 81, 300)
  output.room(3, 81, 200)
  output.sent(7)
  t.equal(output.waitingBytes, 48)
  const told = frames(output.take())
  t.same(
    told.slice(0, 3).map(source => decodeEvent(source, 0)),
    [
      { kind: 'room', target: 2, port: 80, value: 400 },
      { kind: 'room', target: 2, port: 81, value: 300 },
      { kind: 'room', target: 3, port: 81, value: 200 },
    ],
  )
  t.equal(frameType(told[3]!.view, 0), FRAME.SENT)
  t.equal(output.waitingBytes, 0)
  output.sent(8)
  t.equal(frames(output.take()).length, 1, 'and told once')
  t.end()
})

await t.test('refusals of the same kind in a row are one entry', t => {
  const output = new SessionOutput()
  const refusal = { count: 2, errno: 11, decisionId: 0 }
  output.failed({ ...refusal, firstSeq: 0 })
  output.failed({ ...refusal, firstSeq: 2 })
  output.failed({ ...refusal, firstSeq: 5 })
  output.failed({ ...refusal, firstSeq: 7, errno: 1 })
  output.sent(9)
  const [sent] = frames(output.take())
  const entries = Array.from({ length: frameX(sent!.view, 0) }, (_, i) =>
    readSentEntry(sent!.view, 0, i),
  )
  t.same(entries, [
    { firstSeq: 0, count: 4, errno: 11, decisionId: 0 },
    { firstSeq: 5, count: 2, errno: 11, decisionId: 0 },
    { firstSeq: 7, count: 2, errno: 1, decisionId: 0 },
  ])
  t.end()
})

await t.test('refusals beyond one frame go on in the next, and nothing is said too early', t => {
  const output = new SessionOutput()
  for (let i = 0; i < 10_000; i++) {
    output.failed({ firstSeq: 2 * i, count: 1, errno: 90, decisionId: i })
  }
  output.sent(20_001)
  const sent = frames(output.take())
  t.same(
    sent.map(({ view }) => [frameX(view, 0), sentUpTo(view, 0)]),
    [
      [4096, 2 * 4095 + 1],
      [4096, 2 * 8191 + 1],
      [1808, 20_001],
    ],
  )
  t.ok(output.isEmpty)
  t.end()
})

await t.test("a ring's bytes are written where they lie, and each once", t => {
  const output = new SessionOutput()
  const ring = makeRing(8192)
  fill(ring, 3, 1000)
  output.ring(ring)
  output.ring(ring)
  const chunks = output.take()
  t.equal(chunks.length, 2)
  t.equal(chunks[1]!.buffer, ring.buffer.region(0, 1).buffer, 'they are not copied')
  t.equal(ring.givenOffset, 3 * 1024)
  t.ok(output.isEmpty)
  fill(ring, 1, 0)
  output.ring(ring)
  const [data] = frames(output.take())
  t.equal(ringOffset(data!.view, 0), 3 * 1024)
  t.equal(data!.bytes.length, 32)
  t.end()
})

await t.test('all that is small is one piece to be written', t => {
  const output = new SessionOutput()
  const rings = [makeRing(4096, 1), makeRing(4096, 2)]
  for (const ring of rings) {
    fill(ring, 1, 100)
    output.ring(ring)
  }
  output.sent(3)
  const chunks = output.take()
  t.equal(chunks.length, 1)
  const told = frames(chunks)
  t.same(
    told.map(({ view }) => frameType(view, 0)),
    [FRAME.SENT, FRAME.RING_DATA, FRAME.RING_DATA],
  )
  for (const [i, ring] of rings.entries()) {
    t.equal(Buffer.compare(told[i + 1]!.bytes.subarray(16), ring.buffer.region(0, 128)), 0)
  }
  t.end()
})

await t.test('more small frames than are kept room for are written all the same', t => {
  const output = new SessionOutput()
  const rings = Array.from({ length: 100 }, (_, i) => makeRing(4096, i + 1))
  for (const [i, ring] of rings.entries()) {
    fill(ring, 1, i)
    output.ring(ring)
  }
  const told = frames(output.take())
  t.same(
    told.map(({ view }) => frameX(view, 0)),
    rings.map(({ handle }) => handle),
  )
  for (const [i, ring] of rings.entries()) {
    const region = ring.buffer.region(0, 4096)
    t.equal(Buffer.compare(told[i]!.bytes.subarray(16), region), 0, `ring ${ring.handle}`)
  }
  t.end()
})

await t.test('what is not written yet stays as it is', t => {
  const output = new SessionOutput()
  output.sent(1)
  const [first] = output.take()
  output.sent(2)
  const [second] = output.take(true)
  t.equal(sentUpTo(frameBytes(first!).view, 0), 1)
  t.equal(sentUpTo(frameBytes(second!).view, 0), 2)
  output.sent(3)
  const [third] = output.take()
  t.equal(third!.buffer, second!.buffer, 'what is written makes room')
  t.end()
})

await t.test("what wraps around a ring's end is two regions", t => {
  const output = new SessionOutput()
  const ring = makeRing(256)
  fill(ring, 1, 128)
  output.ring(ring)
  output.take()
  ring.buffer.consumeTo(144, 144)
  fill(ring, 1, 200)
  output.ring(ring)
  const regions = frames(output.take())
  t.same(
    regions.map(({ view, bytes }) => [ringOffset(view, 0), bytes.length - 16]),
    [
      [144, 112],
      [256, 112],
    ],
  )
  t.end()
})

await t.test('a busy ring does not hold up the others', t => {
  const output = new SessionOutput()
  const busy = makeRing(1024 * 1024, 1)
  const quiet = makeRing(4096, 2)
  fill(busy, 15, 64 * 1024)
  fill(quiet, 1, 10)
  output.ring(busy)
  output.ring(quiet)
  const rings = frames(output.take()).map(({ view }) => frameX(view, 0))
  t.ok(rings.includes(2), 'in the first write')
  t.ok(quiet.givenOffset > 0 && busy.givenOffset < busy.buffer.txOffset)
  let writes = 1
  while (!output.isEmpty) {
    const bytes = output.take().reduce((sum, chunk) => sum + chunk.length, 0)
    t.ok(bytes <= 300 * 1024)
    writes++
  }
  t.equal(busy.givenOffset, busy.buffer.txOffset)
  t.ok(writes >= 4)
  t.end()
})

await t.test('a ring that is dropped is not written any more', t => {
  const output = new SessionOutput()
  const ring = makeRing(4096)
  fill(ring, 1, 10)
  output.ring(ring)
  output.dropRing(ring)
  t.ok(output.isEmpty)
  t.same(output.take(), [])
  t.end()
})
