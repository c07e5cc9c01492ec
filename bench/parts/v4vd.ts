import { connect, type Batch, type ConnectOptions, type Ring } from '../../src/sdk/index.js'
import type { Job, PartName } from '../protocol.js'
import type { Fail, Part } from './part.js'
import { RoundTrips } from './round-trips.js'
import { SequenceCheck, Stamp } from './stamp.js'

/** The domains of a trial, and the port that each of them is bound to. */
export const DOMAINS = { source: 'bench-source', sink: 'bench-sink' } as const
export const PORT = 5000

/** Room for a fair number of the largest payloads. */
const RING_SIZE = '4MiB'

const SINK = `${DOMAINS.sink}:${PORT}`
const SOURCE = `${DOMAINS.source}:${PORT}`

/** A part of a trial on v4vd, by the public SDK. */
export async function v4vdPart(
  name: PartName,
  job: Job,
  options: ConnectOptions,
  fail: Fail,
): Promise<Part> {
  const domain = await connect({ agent: `v4vd bench ${name}`, ...options })
  const ring = await domain.bind(PORT, { size: RING_SIZE })
  ring.on('refused', error => fail(error.message))
  ring.on('close', error => fail(`the ring is gone: ${error?.message ?? 'closed'}`))
  if (job.measure === 'throughput') {
    return name === 'source' ? new Source(ring, job.payloadBytes) : new Sink(ring, job, fail)
  }
  return name === 'source' ? new Ping(ring, job, fail) : new Echo(ring, job, fail)
}

/** Sends as much as goes. */
class Source implements Part {
  readonly #ring: Ring
  readonly #stamp: Stamp
  #isRunning = false

  constructor(ring: Ring, payloadBytes: number) {
    this.#ring = ring
    this.#stamp = new Stamp(payloadBytes)
    ring.on('drain', () => this.#pump())
  }

  get datagrams(): number {
    return this.#stamp.seq
  }

  start(): void {
    this.#isRunning = true
    setImmediate(() => this.#pump())
  }

  stop(): void {
    this.#isRunning = false
  }

  #pump(): void {
    const ring = this.#ring
    const stamp = this.#stamp
    while (this.#isRunning && ring.trySend(SINK, stamp.bytes)) stamp.advance()
  }
}

class Sink implements Part {
  readonly #check: SequenceCheck

  constructor(ring: Ring, job: Job, fail: Fail) {
    const check = new SequenceCheck(job.payloadBytes, job.touch, fail)
    this.#check = check
    receive(ring, job, fail, (bytes, start, end) => check.take(bytes, start, end))
  }

  get datagrams(): number {
    return this.#check.count
  }
}

/** Sends one datagram after the other, each when the one before is back. */
class Ping implements Part {
  readonly #ring: Ring
  readonly #stamp: Stamp
  readonly #check: SequenceCheck
  readonly #trips = new RoundTrips()
  #isRunning = false
  #isUnderWay = false

  constructor(ring: Ring, job: Job, fail: Fail) {
    this.#ring = ring
    this.#stamp = new Stamp(job.payloadBytes)
    this.#check = new SequenceCheck(job.payloadBytes, job.touch, fail)
    receive(ring, job, fail, (bytes, start, end) => {
      this.#trips.arrive()
      this.#isUnderWay = false
      this.#check.take(bytes, start, end)
      this.#send()
    })
  }

  get datagrams(): number {
    return this.#check.count
  }

  takeLatency(): ReturnType<RoundTrips['take']> {
    return this.#trips.take()
  }

  start(): void {
    this.#isRunning = true
    this.#send()
  }

  stop(): void {
    this.#isRunning = false
  }

  #send(): void {
    if (!this.#isRunning || this.#isUnderWay) return
    this.#isUnderWay = true
    this.#trips.leave()
    this.#ring.trySend(SINK, this.#stamp.bytes) // with one on the way it is always taken
    this.#stamp.advance()
  }
}

/** Sends back what comes. */
class Echo implements Part {
  #datagrams = 0

  constructor(ring: Ring, job: Job, fail: Fail) {
    receive(ring, job, fail, (bytes, start, end) => {
      this.#datagrams++
      ring.trySend(SOURCE, bytes.subarray(start, end))
    })
  }

  get datagrams(): number {
    return this.#datagrams
  }
}

type OnDatagram = (bytes: Uint8Array, start: number, end: number) => void

/** Reads a ring for as long as there is one, in the way that the trial asks for. */
function receive(ring: Ring, job: Job, fail: Fail, onDatagram: OnDatagram): void {
  const reading =
    job.receive === 'batches' ? readBatches(ring, onDatagram) : readOneByOne(ring, onDatagram)
  reading.catch((error: unknown) => fail(`the ring can't be read: ${String(error)}`))
}

async function readBatches(ring: Ring, onDatagram: OnDatagram): Promise<void> {
  for await (const batch of ring.batches()) takeBatch(batch, onDatagram)
}

// Not in the loop above: an async function is compiled anew while it waits, this one stays fast.
function takeBatch(batch: Batch, onDatagram: OnDatagram): void {
  const { bytes, length } = batch
  for (let i = 0; i < length; i++) onDatagram(bytes, batch.start(i), batch.end(i))
}

async function readOneByOne(ring: Ring, onDatagram: OnDatagram): Promise<void> {
  for await (const { data } of ring) onDatagram(data, 0, data.length)
}
