import { frameBytes } from '../abi/frame.js'
import type { Transport, TransportReceiver } from './transport.js'

/** Bytes on the way to the other end before the sender is told to wait. */
const PENDING_BYTES_MAX = 1024 * 1024

/** Two ends in one process; what one sends the other receives in a later turn, as one batch. */
export function memoryPair(): [Transport, Transport] {
  const left = new MemoryTransport()
  const right = new MemoryTransport()
  left.peer = right
  right.peer = left
  return [left, right]
}

class MemoryTransport implements Transport {
  readonly kind = 'memory'
  peer!: MemoryTransport
  #receiver: TransportReceiver | undefined
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #isScheduled = false
  #isPeerWaiting = false
  #isEnding = false
  #isClosed = false
  readonly #deliver = (): void => {
    this.#isScheduled = false
    const receiver = this.#receiver
    if (receiver === undefined || this.#isClosed) return
    const chunks = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    for (const chunk of chunks) {
      const source = frameBytes(chunk)
      receiver.onBytes(source, 0, chunk.length)
    }
    if (this.#isPeerWaiting) {
      this.#isPeerWaiting = false
      this.peer.#drained()
    }
    if (this.#isEnding) this.#end()
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver
    this.#schedule()
  }

  send(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed) return true
    return this.peer.#accept(chunks)
  }

  close(): void {
    this.peer.#endSoon()
    this.#endSoon()
  }

  destroy(): void {
    this.#pending = []
    this.close()
  }

  #accept(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed || this.#isEnding) return true
    for (const chunk of chunks) {
      this.#pending.push(chunk)
      this.#pendingBytes += chunk.length
    }
    this.#schedule()
    this.#isPeerWaiting ||= this.#pendingBytes >= PENDING_BYTES_MAX
    return !this.#isPeerWaiting
  }

  /** Ends once everything that was sent has been delivered. */
  #endSoon(): void {
    this.#isEnding = true
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    setImmediate(this.#deliver)
  }

  #drained(): void {
    if (!this.#isClosed) this.#receiver?.onDrain()
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#pending = []
    this.#receiver?.onClose()
  }
}
