import { encodeBye } from '../abi/control-frame.js'
import { writeConsumed, writeSendHeader } from '../abi/data-frame.js'
import { FRAME_HEADER_BYTES, SEND_HEADER_BYTES } from '../abi/limits.js'
import { HeapChunks, type Chunk, type ChunkPool } from './chunk.js'
import { Fifo } from './fifo.js'
import type { Flow } from './flow.js'
import { HeldRun, KEPT_BYTES_MIN } from './held-run.js'
import type { PendingSend } from './pending-send.js'
import type { Ring } from './ring.js'
import type { Transport } from './transport.js'

/** So many messages are written at once, also where they are few bytes: each takes its time. */
const FLUSH_MESSAGES = 2048

/** A SEND frame that is not decided. */
export interface SendFrame {
  readonly chunk: Chunk
  readonly flow: Flow
  readonly ring: Ring
  readonly type: number
  readonly isRetry: boolean
  readonly firstSeq: number
  /** Where it starts in the chunk; grows to `end` while it is open. */
  readonly at: number
  end: number
  count: number
  /** Who waits for each message, by its place; undefined while nobody does for any. */
  sends: (PendingSend | undefined)[] | undefined
  /** Messages before this place, and slots before this offset, are decided. */
  decided: number
  decidedAt: number
}

/**
 * Packs what a session sends into chunks and writes them: once per turn, or as soon as there is
 * much. Messages are copied straight to where they are sent from, and stay there until they are
 * decided.
 */
export class Packer {
  readonly #transport: Transport
  #pool: ChunkPool
  /** SEND frames that are not decided, oldest first. */
  readonly inFlight = new Fifo<SendFrame>()
  readonly #consumed = new Set<Ring>()
  #chunk: Chunk
  /** End of what is written to the chunk, and of what of it was given to the transport. */
  #at = 0
  #flushedAt = 0
  #pieces: Uint8Array[] = []
  /** Chunks that the pieces are of, without the one being written to. */
  #left: Chunk[] = []
  #packedBytes = 0
  #flushedSeq = 0
  #frame: SendFrame | undefined
  #nextSeq = 0
  #isScheduled = false
  #isWritable = true
  #isStopped = false
  readonly #onTurnEnd = (): void => {
    this.#isScheduled = false
    this.flush()
  }

  constructor(transport: Transport) {
    this.#transport = transport
    this.#pool = transport.chunks ?? new HeapChunks()
    this.#chunk = this.#takeChunk(0)
  }

  /** Sequence number of the next message. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Sequence number of the first message whose frame is not complete. */
  get sealedSeq(): number {
    return this.#frame?.firstSeq ?? this.#nextSeq
  }

  /** Where `message` made room. */
  get bytes(): Uint8Array {
    return this.#chunk.bytes
  }

  get view(): DataView {
    return this.#chunk.view
  }

  /**
   * Makes room for one message behind those of its kind.
   * @param size slot bytes.
   * @param send who waits for it, if anybody does.
   * @returns where in `bytes` its slots start; they hold what was there before.
   */
  message(flow: Flow, ring: Ring, type: number, size: number, send?: PendingSend): number {
    let frame = this.#frame
    if (
      frame === undefined ||
      frame.flow !== flow ||
      frame.ring !== ring ||
      frame.type !== type ||
      flow.isRetry ||
      this.#at + size - frame.at > this.#pool.frameBytes ||
      this.#at + size > this.#chunk.bytes.length
    ) {
      frame = this.#open(flow, ring, type, size)
    }
    const at = this.#at
    if (send !== undefined) {
      frame.sends ??= []
      frame.sends[frame.count] = send
      send.isInFlight = true
    }
    frame.count++
    this.#nextSeq++
    this.#at = at + size
    this.#packedBytes += size
    return at
  }

  /** To be called when the message's slots are written. */
  packed(): void {
    const messages = this.#nextSeq - this.#flushedSeq
    if (this.#packedBytes >= this.#pool.flushBytes || messages >= FLUSH_MESSAGES) this.flush()
    else this.#schedule()
  }

  /** Sends a frame of another kind behind what is packed. */
  control(frame: Uint8Array): void {
    if (this.#isStopped) return
    const at = this.#unanswered(frame.length)
    this.#chunk.bytes.set(frame, at)
    this.#schedule()
  }

  /** Says at the end of the turn, or soon, how far a ring has been read. */
  consumed(ring: Ring, isUrgent: boolean): void {
    if (this.#isStopped) return
    this.#consumed.add(ring)
    if (isUrgent) this.flush()
    else this.#schedule()
  }

  /** Gives all that is packed to the transport, unless that has enough for now. */
  flush(): void {
    if (!this.#isWritable || this.#isStopped) return
    for (const ring of this.#consumed) {
      const at = this.#unanswered(FRAME_HEADER_BYTES)
      writeConsumed(this.#chunk.view, at, ring.handle, ring.takeConsumed())
    }
    this.#consumed.clear()
    this.#seal()
    this.#cutPiece()
    if (this.#pieces.length === 0) return
    const pieces = this.#pieces
    this.#pieces = []
    this.#packedBytes = 0
    this.#flushedSeq = this.#nextSeq
    this.#isWritable = this.#transport.send(pieces)
    if (this.#left.length > 0) this.#giveLeft()
  }

  /** The transport has other memory now: what is packed from here on is packed there. */
  moveOn(): void {
    this.#pool = this.#transport.chunks ?? this.#pool
    this.#seal()
    this.#changeChunk(0)
  }

  /** The transport has room again. */
  drained(): void {
    this.#isWritable = true
    this.flush()
  }

  /** Sends the rest and a BYE, then nothing more. */
  bye(): void {
    if (this.#isStopped) return
    this.control(encodeBye())
    this.#isWritable = true
    this.flush()
    this.#isStopped = true
  }

  /** Sends nothing more. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Keeps messages that were refused, to be sent again.
   * @param from where the first of `count` lies in the frame's chunk, and `to` where they end.
   */
  hold(frame: SendFrame, from: number, to: number, count: number): HeldRun {
    const { ring, type, chunk, decided } = frame
    const sends = frame.sends?.slice(decided - count, decided)
    const isKept = to - from >= KEPT_BYTES_MIN
    if (isKept) chunk.uses++
    return new HeldRun(ring, type, chunk, from, to, count, sends, isKept)
  }

  /** A run is sent, or never will be: its chunk is not needed for it any more. */
  drop(run: HeldRun): void {
    if (run.chunk !== undefined) this.#release(run.chunk)
  }

  /** Sends the first `count` messages of a run, which end at `end`, from where they lie. */
  resend(flow: Flow, run: HeldRun, count: number, end: number): void {
    this.#seal()
    this.#cutPiece()
    const { ring, type, index } = run
    const chunk = run.chunk!
    const at = run.at - SEND_HEADER_BYTES
    const sends = run.sends?.slice(index, index + count)
    for (const send of sends ?? []) if (send !== undefined) send.isInFlight = true
    const frame: SendFrame = {
      chunk,
      flow,
      ring,
      type,
      isRetry: flow.isRetry,
      firstSeq: this.#nextSeq,
      at,
      end,
      count,
      sends,
      decided: 0,
      decidedAt: run.at,
    }
    flow.isRetry = false
    chunk.uses++
    this.#writeHeader(frame)
    this.#nextSeq += count
    this.inFlight.push(frame)
    this.#pieces.push(chunk.bytes.subarray(at, end))
    if (chunk !== this.#chunk && !chunk.isUnsent) {
      chunk.isUnsent = true
      this.#left.push(chunk)
    }
    run.sent(count, end)
    this.#packedBytes += end - at
    this.packed()
  }

  /** A frame's messages are all decided: the oldest one's. */
  release(frame: SendFrame): void {
    this.#release(frame.chunk)
  }

  #release(chunk: Chunk): void {
    chunk.uses--
    if (chunk.uses > 0 || chunk === this.#chunk || chunk.isUnsent) return
    chunk.home.give(chunk)
  }

  #open(flow: Flow, ring: Ring, type: number, size: number): SendFrame {
    this.#seal()
    this.#makeRoom(SEND_HEADER_BYTES + size)
    const chunk = this.#chunk
    chunk.uses++
    chunk.endsUnanswered = false
    const at = this.#at
    const slotsAt = at + SEND_HEADER_BYTES
    const frame: SendFrame = {
      chunk,
      flow,
      ring,
      type,
      isRetry: flow.isRetry,
      firstSeq: this.#nextSeq,
      at,
      end: slotsAt,
      count: 0,
      sends: undefined,
      decided: 0,
      decidedAt: slotsAt,
    }
    flow.isRetry = false
    this.#at = slotsAt
    this.#frame = frame
    this.inFlight.push(frame)
    return frame
  }

  /** Writes the header of the frame that messages are being added to. */
  #seal(): void {
    const frame = this.#frame
    if (frame === undefined) return
    this.#frame = undefined
    frame.end = this.#at
    this.#writeHeader(frame)
  }

  #writeHeader(frame: SendFrame): void {
    writeSendHeader(frame.chunk.view, frame.at, frame.end - frame.at, {
      target: frame.flow.target,
      port: frame.flow.port,
      sourcePort: frame.ring.port,
      firstSeq: frame.firstSeq,
      type: frame.type,
      count: frame.count,
      retry: frame.isRetry,
    })
  }

  #unanswered(size: number): number {
    this.#seal()
    this.#makeRoom(size)
    const at = this.#at
    this.#at += size
    this.#chunk.endsUnanswered = true
    return at
  }

  /** Goes on in another chunk when this one has no room for `size` bytes. */
  #makeRoom(size: number): void {
    if (this.#at + size > this.#chunk.bytes.length) this.#changeChunk(size)
  }

  #changeChunk(size: number): void {
    this.#cutPiece()
    const chunk = this.#chunk
    // Pieces of it may have been cut before, and not been sent since.
    chunk.isUnsent = this.#pieces.length > 0
    if (chunk.isUnsent) this.#left.push(chunk)
    else if (chunk.uses === 0) chunk.home.give(chunk)
    this.#chunk = this.#takeChunk(size)
    this.#at = 0
    this.#flushedAt = 0
  }

  #takeChunk(size: number): Chunk {
    const chunk = this.#pool.take(size)
    chunk.endsUnanswered = false
    return chunk
  }

  #giveLeft(): void {
    for (const chunk of this.#left) {
      chunk.isUnsent = false
      if (chunk.uses === 0) chunk.home.give(chunk)
    }
    this.#left.length = 0
  }

  #cutPiece(): void {
    if (this.#at === this.#flushedAt) return
    this.#pieces.push(this.#chunk.bytes.subarray(this.#flushedAt, this.#at))
    this.#flushedAt = this.#at
  }

  /** At the end of the turn, when all promises that are ready have had their say. */
  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return
    this.#isScheduled = true
    process.nextTick(this.#onTurnEnd)
  }
}
