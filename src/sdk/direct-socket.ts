import net from 'node:net'
import { frameBytes } from '../abi/frame.js'
import { FRAME_BYTES_MAX } from '../abi/limits.js'
import { binaryHeader } from '../websocket/frame-header.js'
import { mask, maskingKey } from '../websocket/mask.js'
import { Splitter } from '../websocket/splitter.js'
import type { TransportReceiver } from './transport.js'

/** One read: as much as the daemon writes at once. */
const READ_BYTES = 256 * 1024
/** Masked bytes in one write. */
const WRITE_BYTES = 256 * 1024
const SPARES_MAX = 4
/** A message of the daemon's may hold several frames. */
const MESSAGE_BYTES_MAX = 4 * FRAME_BYTES_MAX

/**
 * The socket under a WebSocket without TLS. Binary messages pass by the library, which would make
 * new memory for each of them, on either way; the library opens and closes the connection and
 * deals with all other frames.
 */
export class DirectSocket {
  readonly #source = frameBytes(new Uint8Array(READ_BYTES))
  #socket: net.Socket | undefined
  #splitter: Splitter | undefined
  /** Memory to mask into that no write needs any more. */
  readonly #spares: Uint8Array[] = []

  /** Connects as the library's own function does, but reads into one buffer. */
  readonly connect = ((options: net.TcpNetConnectOpts): net.Socket => {
    const socket = net.connect({
      ...options,
      onread: {
        buffer: this.#source.bytes,
        callback: (length: number) => {
          if (this.#splitter !== undefined) this.#splitter.take(this.#source, 0, length)
          else socket.emit('data', Buffer.from(this.#source.bytes.subarray(0, length)))
          return true
        },
      },
    })
    this.#socket = socket
    return socket
  }) as typeof net.createConnection

  /** From now on messages go to the receiver. */
  start(receiver: TransportReceiver): void {
    const socket = this.#socket!
    this.#splitter = new Splitter(false, MESSAGE_BYTES_MAX, {
      payload: (source, start, end) => receiver.onBytes(source, start, end),
      other: bytes => socket.emit('data', bytes),
    })
    socket.on('drain', () => receiver.onDrain())
  }

  /** See Transport.send: each chunk is one message. */
  send(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket!
    if (!socket.writable) return true // onClose follows or has been called
    socket.cork()
    for (const chunk of chunks) {
      const key = maskingKey()
      socket.write(binaryHeader(chunk.length, key))
      // The chunk itself stays as it is: what is in it may have to be sent again.
      for (let at = 0; at < chunk.length; at += WRITE_BYTES) {
        const end = Math.min(chunk.length, at + WRITE_BYTES)
        const memory = this.#spares.pop() ?? new Uint8Array(WRITE_BYTES)
        mask(chunk, at, end, memory, 0, key)
        socket.write(memory.subarray(0, end - at), () => this.#giveBack(memory))
      }
    }
    socket.uncork()
    return !socket.writableNeedDrain
  }

  #giveBack(memory: Uint8Array): void {
    if (this.#spares.length < SPARES_MAX) this.#spares.push(memory)
  }
}
