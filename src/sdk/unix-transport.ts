import net from 'node:net'
import { frameBytes } from '../abi/frame.js'
import { Poller, type Load, type Polling } from '../native/poller.js'
import type { Transport, TransportReceiver } from './transport.js'

/** Measured best for a Unix socket: larger gains nothing, smaller halves the bytes per second. */
const READ_BYTES = 256 * 1024

/** Frames over a Unix stream socket, read into one static buffer. */
export class UnixTransport implements Transport {
  readonly kind = 'unix'
  readonly load: Load = { messages: 0 }
  readonly #path: string
  readonly #poller: Poller | undefined
  #socket: net.Socket | undefined
  #error: Error | undefined

  /**
   * @param path of the daemon's socket; it is opened by `start`.
   * @param polling for how long the process stays awake for what may come soon.
   */
  constructor(path: string, polling?: Polling) {
    this.#path = path
    if (polling === undefined || polling.us === 0) return
    // Each turn of the event loop looks at the socket: there is nothing more to look at.
    this.#poller = new Poller(
      polling,
      this.load,
      () => false,
      () => true,
    )
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
