import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Job } from '../protocol.js'
import type { Fail, Part } from './part.js'
import { RoundTrips } from './round-trips.js'
import { SequenceCheck, Stamp } from './stamp.js'

/** Bytes that a client or the relay lets wait in a socket before it waits itself. */
export const BUFFERED_BYTES_MAX = 1024 * 1024

/** A part of a trial on the plain `ws` relay: one datagram is one message. */
export async function wsPart(job: Job, fail: Fail): Promise<Part> {
  const socket = new WebSocket(job.connect!.url, { perMessageDeflate: false })
  socket.on('error', error => fail(`the connection to the relay failed: ${error.message}`))
  socket.on('close', () => fail('the relay closed the connection'))
  await once(socket, 'open')
  const isSource = job.part === 'source'
  if (job.measure === 'throughput') {
    return isSource ? new Source(socket, job.payloadBytes) : sink(socket, job, fail)
  }
  return isSource ? new Ping(socket, job.payloadBytes, fail) : echo(socket)
}

/** Sends as much as goes. */
class Source implements Part {
  readonly #socket: WebSocket
  readonly #stamp: Stamp
  #isScheduled = false
  #isStopped = false

  constructor(socket: WebSocket, payloadBytes: number) {
    this.#socket = socket
    this.#stamp = new Stamp(payloadBytes)
    setImmediate(this.#pump)
  }

  get datagrams(): number {
    return this.#stamp.seq
  }

  stop(): void {
    this.#isStopped = true
  }

  readonly #pump = (): void => {
    this.#isScheduled = false
    const socket = this.#socket
    while (socket.bufferedAmount < BUFFERED_BYTES_MAX && !this.#isStopped) {
      socket.send(this.#stamp.bytes, this.#onSent) // masking copies the bytes
      this.#stamp.advance()
    }
  }

  readonly #onSent = (): void => {
    if (this.#isScheduled || this.#socket.bufferedAmount > BUFFERED_BYTES_MAX / 2) return
    this.#isScheduled = true
    setImmediate(this.#pump)
  }
}

function sink(socket: WebSocket, job: Job, fail: Fail): Part {
  const check = new SequenceCheck(job.payloadBytes, fail)
  socket.on('message', (data: Buffer) => check.take(data, 0, data.length))
  return {
    get datagrams() {
      return check.count
    },
  }
}

/** Sends one datagram after the other, each when the one before is back. */
class Ping implements Part {
  readonly #socket: WebSocket
  readonly #stamp: Stamp
  readonly #check: SequenceCheck
  readonly #trips = new RoundTrips()
  #isStopped = false

  constructor(socket: WebSocket, payloadBytes: number, fail: Fail) {
    this.#socket = socket
    this.#stamp = new Stamp(payloadBytes)
    this.#check = new SequenceCheck(payloadBytes, fail)
    socket.on('message', (data: Buffer) => {
      this.#trips.arrive()
      this.#check.take(data, 0, data.length)
      this.#send()
    })
    this.#send()
  }

  get datagrams(): number {
    return this.#check.count
  }

  takeLatency(): ReturnType<RoundTrips['take']> {
    return this.#trips.take()
  }

  stop(): void {
    this.#isStopped = true
  }

  #send(): void {
    if (this.#isStopped) return
    this.#trips.leave()
    this.#socket.send(this.#stamp.bytes)
    this.#stamp.advance()
  }
}

function echo(socket: WebSocket): Part {
  let datagrams = 0
  socket.on('message', (data: Buffer) => {
    datagrams++
    socket.send(data)
  })
  return {
    get datagrams() {
      return datagrams
    },
  }
}
