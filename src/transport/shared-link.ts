import { Doorbell, SleepWord } from '../abi/doorbell.js'
import { DownWriter } from '../abi/down-queue.js'
import { SHARED_WORD, type SharedLayout, type SharedMemory } from '../abi/shared-memory.js'
import { UpReader } from '../abi/up-queue.js'
import type { Link } from './link.js'
import type { LinkWatch, Watched } from './link-watch.js'

/** Taken from one client before others have their turn. */
const DESCRIPTORS_PER_TURN = 512
const BYTES_PER_TURN = 1024 * 1024
/** In one write; a client that reads byte by byte is not waited for. */
const LOOKS_FOR_ROOM = 4
/** A write up to this is done at once; a larger one lets others have their turn first. */
const SMALL_WRITE_BYTES = 16 * 1024

/** What carries the bells, and tells of the client's end. */
export interface Bell extends Pick<Link, 'end' | 'destroy'> {
  /** Wakes the client. */
  ring(): void
}

/** Who has the bytes that come by a SharedLink. */
export interface SharedReceiver {
  /** Takes bytes, which the client may change at any time, and is done with them on return. */
  onBytes(memory: SharedMemory, start: number, end: number): void
  /** What the client wrote can't be. */
  onBroken(problem: string): void
  /** Does something that may leave clients with something to be written, then writes it. */
  turn(work: () => void): void
}

interface Write {
  readonly chunks: readonly Uint8Array[]
  readonly done: () => void
}

/** A link over memory shared with the client; a bell wakes whichever side sleeps. */
export class SharedLink implements Link, Watched {
  readonly kind = 'shared-memory'
  readonly #memory: SharedMemory
  readonly #bell: Bell
  readonly #receiver: SharedReceiver
  readonly #watch: LinkWatch
  readonly #up: UpReader
  readonly #upBytesMax: number
  readonly #down: DownWriter
  readonly #sleepWord: SleepWord
  readonly #doorbell: Doorbell
  /** What is not written whole: the first from this chunk and byte on. */
  readonly #writes: Write[] = []
  #chunk = 0
  #chunkAt = 0
  #whenWritten: (() => void) | undefined
  #wantsSpace = false
  #isPaused = false
  /** Nothing is taken from the client any more. */
  #isDeaf = false
  #isOver = false
  readonly #take = (): void => this.#takeSome(DESCRIPTORS_PER_TURN, BYTES_PER_TURN)
  #found = false

  constructor(
    memory: SharedMemory,
    layout: SharedLayout,
    bell: Bell,
    watch: LinkWatch,
    receiver: SharedReceiver,
  ) {
    this.#memory = memory
    this.#bell = bell
    this.#watch = watch
    this.#receiver = receiver
    this.#up = new UpReader(memory, layout)
    this.#upBytesMax = layout.ringsAt
    this.#down = new DownWriter(memory)
    this.#sleepWord = new SleepWord(memory, SHARED_WORD.DAEMON_SLEEPS)
    this.#doorbell = new Doorbell(memory, SHARED_WORD.CLIENT_SLEEPS)
  }

  write(chunks: readonly Uint8Array[], done: () => void): void {
    if (this.#isOver) return
    this.#writes.push({ chunks, done })
    if (this.#writes.length === 1) this.#pump()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#watch.stir(this)
  }

  /** Ends the link when the client has room for what was written; it is destroyed if it has not. */
  end(closeCode: number, reason: string): void {
    this.#isDeaf = true
    this.#whenWritten = () => this.#bell.end(closeCode, reason)
    if (this.#writes.length === 0) this.#whenWritten()
  }

  destroy(): void {
    this.#bell.destroy()
  }

  /** The client has rung. */
  rung(): void {
    if (this.#isOver) return
    this.#sleepWord.wake()
    this.look()
    this.#watch.stir(this)
  }

  ring(): void {
    if (this.#doorbell.mustRing()) this.#bell.ring()
  }

  look(): boolean {
    if (this.#isOver) return false
    this.#found = false
    if (this.#writes.length > 0) this.#pump()
    this.#receiver.turn(this.#take)
    return this.#found
  }

  sleep(): boolean {
    if (this.#isOver) return true
    if (this.#hasWork()) return false
    this.#sleepWord.sleep()
    // What came before the client could know that it has to ring.
    if (!this.#hasWork()) return true
    this.#sleepWord.wake()
    return false
  }

  /** The client is gone: takes the last of what it sent, and nothing more. */
  close(): void {
    if (this.#isOver) return
    // As much as can be there; a client that says there is more repeats itself.
    this.#receiver.turn(() => this.#takeSome(Infinity, this.#upBytesMax))
    this.#isOver = true
    this.#writes.length = 0
    this.#watch.forget(this)
  }

  #hasWork(): boolean {
    if (this.#writes.length > 0 && this.#down.room !== 0) return true
    return !this.#isPaused && !this.#isDeaf && this.#up.waiting !== 0
  }

  #takeSome(descriptorsMax: number, bytesMax: number): void {
    if (this.#isPaused || this.#isDeaf) return
    const up = this.#up
    const waiting = up.waiting
    if (waiting === 0) return
    if (waiting < 0) return this.#break('more descriptors are pushed than there is room for')
    this.#found = true
    const count = Math.min(waiting, descriptorsMax)
    let bytes = 0
    for (let i = 0; i < count && bytes < bytesMax; i++) {
      if (!up.read()) {
        const { offset, length } = up
        return this.#break(`a descriptor of ${length} bytes at ${offset} is no piece of the chunks`)
      }
      this.#receiver.onBytes(this.#memory, up.offset, up.offset + up.length)
      up.done()
      bytes += up.length
      if (this.#isPaused || this.#isDeaf) break
    }
    if (up.isSpaceWanted) this.ring()
  }

  /** Writes as much of what waits as there is room for. */
  #pump(): void {
    const writes = this.#writes
    let written = 0
    for (let write = writes[0]; write !== undefined; write = writes[0]) {
      const bytes = this.#pumpOne(write.chunks)
      if (bytes < 0) return this.#break('more of the down queue is read than was written')
      written += bytes
      if (this.#chunk < write.chunks.length) break
      writes.shift()
      this.#chunk = 0
      if (bytes <= SMALL_WRITE_BYTES) queueMicrotask(write.done)
      else setImmediate(write.done)
    }
    if (written > 0) {
      this.#found = true
      this.#watch.ring(this)
    }
    if (writes.length === 0) this.#whenWritten?.()
  }

  /** @returns bytes written, or -1 when the client's tail can't be. */
  #pumpOne(chunks: readonly Uint8Array[]): number {
    const down = this.#down
    let room = down.room
    let written = 0
    for (let looks = 0; looks < LOOKS_FOR_ROOM; looks++) {
      while (room > 0 && this.#chunk < chunks.length) {
        const chunk = chunks[this.#chunk]!
        const at = this.#chunkAt
        const bytes = Math.min(chunk.length - at, room)
        down.write(chunk, at, at + bytes)
        written += bytes
        room -= bytes
        this.#chunkAt = at + bytes
        if (this.#chunkAt < chunk.length) break
        this.#chunk++
        this.#chunkAt = 0
      }
      const isWhole = this.#chunk === chunks.length
      this.#wantSpace(!isWhole)
      if (isWhole || room < 0) break
      // Once more, since the client may have read what was there before it could see that.
      room = down.room
    }
    return room < 0 ? -1 : written
  }

  #wantSpace(isWanted: boolean): void {
    if (isWanted === this.#wantsSpace) return
    this.#wantsSpace = isWanted
    this.#down.wantsSpace = isWanted
  }

  #break(problem: string): void {
    this.#isDeaf = true
    this.#receiver.onBroken(problem)
  }
}
