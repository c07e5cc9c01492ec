import type { Socket } from 'node:net'
import { encodeBell } from '../abi/share-frame.js'
import type { Remote } from '../hypervisor/session-end.js'
import type { Link } from './link.js'

const BELL = encodeBell()

/** A link over a stream socket: frames back to back. */
export class SocketLink implements Link {
  readonly kind = 'unix'
  readonly remote: Remote | undefined
  readonly #socket: Socket

  constructor(socket: Socket, remote?: Remote) {
    this.#socket = socket
    this.remote = remote
  }

  write(chunks: readonly Uint8Array[], done: () => void): void {
    const socket = this.#socket
    if (socket.destroyed || socket.writableEnded) return
    const last = chunks.length - 1
    const onWritten = (error?: Error | null): void => (error == null ? done() : undefined)
    if (last === 0) {
      socket.write(chunks[0]!, onWritten)
      return
    }
    socket.cork()
    for (let i = 0; i < last; i++) socket.write(chunks[i]!)
    socket.write(chunks[last]!, onWritten)
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
