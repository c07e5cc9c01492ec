import net from 'node:net'
import { frameBytes } from '../abi/frame.js'
import type { Native } from '../native/native.js'
import { Poller, type Load, type Polling } from '../native/poller.js'
import { widenSendBuffer } from '../native/send-buffer.js'
import type { Transport, TransportReceiver } from './transport.js'

/**
 * Two of the daemon's writes: a read that ends inside one has most of that copied once more. Less
 * costs a sixth of the bytes per second, more gains nothing.
 */
const READ_BYTES = 512 * 1024

/** Frames over a Unix stream socket, read into one static buffer. */
export class UnixTransport implements Transport {
  readonly kind = 'unix'
  readonly load: Load = { messages: 0 }
  readonly #path: string
  readonly #native: Native | undefined
  #poller: Poller | undefined
  #socket: net.Socket | undefined
  #error: Error | undefined

  /**
   * @param path of the daemon's socket; it is opened by `start`.
   * @param native has the system hold more of what is sent.
   */
  constructor(path: string, native?: Native) {
    this.#path = path
    this.#native = native
  }

  /** Has the socket be looked at for a while after something came or was sent. */
  poll(polling: Polling): void {
    const look = (): boolean => false // what comes is dealt with as the socket is read
    this.#poller = new Poller(polling, this.load, look, () => true)
  }

  start(receiver: TransportReceiver): void {
    const source = frameBytes(new Uint8Array(READ_BYTES))
    const socket = net.connect({
      path: this.#path,
      onread: {
        buffer: source.bytes,
        callback: bytes => {
          receiver.onBytes(source, 0, bytes)
          this.#poller?.heard()
          return true
        },
      },
    })
    socket.on('connect', () => widenSendBuffer(socket, this.#native))
    socket.on('drain', () => receiver.onDrain())
    socket.on('error', error => (this.#error = error))
    socket.on('close', () => {
      this.#poller?.stop()
      receiver.onClose(this.#error)
    })
    this.#socket = socket
  }

  send(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (socket === undefined || !socket.writable) return true // onClose follows or has been called
    if (chunks.length === 1) {
      socket.write(chunks[0]!)
    } else {
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
      socket.uncork()
    }
    this.#poller?.expect()
    // A write that the kernel took at once leaves nothing to wait for, however large it was.
    return socket.writableLength === 0 || !socket.writableNeedDrain
  }

  close(): void {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed) return
    socket.end(() => socket.destroy())
  }

  destroy(): void {
    this.#socket?.destroy()
  }
}
