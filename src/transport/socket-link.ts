import type { Socket } from 'node:net'
import { encodeBell } from '../abi/share-frame.js'
import type { Link } from './link.js'

const BELL = encodeBell()

/** A link over a stream socket: frames back to back. */
export class SocketLink implements Link {
  readonly kind = 'unix'
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  write(chunks: readonly Uint8Array[], done: () => void): void {
    const socket = this.#socket
    if (socket.destroyed || socket.writableEnded) return
    const last = chunks.length - 1
    socket.cork()
    for (const [index, chunk] of chunks.entries()) {
      if (index < last) socket.write(chunk)
      else socket.write(chunk, error => (error == null ? done() : undefined))
    }
    socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  ring(): void {
    const socket = this.#socket
    // What is not even sent yet wakes the client as well, and a client that never reads gets no heap of bells.
    if (socket.destroyed || socket.writableEnded || socket.writableLength > 0) return
    socket.write(BELL)
  }
}
