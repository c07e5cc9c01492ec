import type { FrameBytes } from '../abi/frame.js'
import type { Connection } from './connection.js'
import type { Hub } from './hub.js'
import type { Link } from './link.js'

/** The daemon's end of a pair in one process, as the SDK's `memoryPair` makes it. */
export interface MemoryEnd {
  start(receiver: {
    onBytes(bytes: FrameBytes, start: number, end: number): void
    onDrain(): void
    onClose(error?: Error): void
  }): void
  /** @returns false when `onDrain` is to be waited for. */
  send(chunks: readonly Uint8Array[]): boolean
  close(): void
  destroy(): void
}

/**
 * Attaches a client in this process.
 * @param domain whom the client is, since it comes by no socket; undefined: it has a token.
 */
export function attachMemory(hub: Hub, end: MemoryEnd, domain?: string): void {
  const link = new MemoryLink(end)
  const connection: Connection | undefined = hub.connect(link, domain)
  if (connection === undefined) {
    end.destroy()
    return
  }
  end.start({
    onBytes: (bytes, start, stop) => connection.receive(bytes, start, stop),
    onDrain: () => link.drained(),
    onClose: () => connection.gone(),
  })
}

class MemoryLink implements Link {
  readonly kind = 'memory'
  readonly #end: MemoryEnd
  #done: (() => void) | undefined

  constructor(end: MemoryEnd) {
    this.#end = end
  }

  write(chunks: readonly Uint8Array[], done: () => void): void {
    if (this.#end.send(chunks)) setImmediate(done)
    else this.#done = done
  }

  drained(): void {
    const done = this.#done
    this.#done = undefined
    done?.()
  }

  /** Nothing to do: a client in this process runs in turn with the daemon. */
  pause(): void {}

  resume(): void {}

  end(): void {
    this.#end.close()
  }

  destroy(): void {
    this.#end.destroy()
  }
}
