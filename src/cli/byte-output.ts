import { write } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { ByteSink } from './datagram-sink.js'
import { errorCode } from './fail.js'
import { countPrinted } from './output.js'

const writeSome = promisify(write)

/** How long to leave a full pipe alone that says EAGAIN instead of making us wait. */
const RETRY_MS = 2

/**
 * Writes bytes to a file descriptor, such as stdout, and waits for whoever reads it. Node's own
 * `process.stdout` stops the whole process while a pipe is full, pings to the daemon included;
 * this waits on another thread.
 */
export class ByteOutput implements ByteSink {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Resolves when the system has taken all of the bytes, which must not change until then.
   * @throws the system's error; EPIPE when nobody reads any more.
   */
  async write(bytes: Uint8Array): Promise<void> {
    countPrinted()
    let at = 0
    while (at < bytes.length) {
      try {
        at += (await writeSome(this.#fd, bytes, at, bytes.length - at)).bytesWritten
      } catch (error) {
        if (errorCode(error) !== 'EAGAIN') throw error
        await sleep(RETRY_MS)
      }
    }
  }

  /** Everything is written by then; the descriptor stays open. */
  end(): Promise<void> {
    return Promise.resolve()
  }
}
