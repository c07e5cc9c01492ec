import { type FrameBytes, frameBytes, frameLength, writeHeader } from './frame.js'
import { FRAME_HEADER_BYTES, roundUpToSlot } from './limits.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** What the u16 in front of a text can say. */
const TEXT_BYTES_MAX = 0xffff

/** Collects what follows a frame's header. */
export class FrameBody {
  readonly #parts: Uint8Array[] = []
  #length = FRAME_HEADER_BYTES

  u16(value: number): this {
    return this.#push(Uint8Array.of(value & 0xff, value >>> 8))
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16)
  }

  /** A u16 of bytes, then the bytes in UTF-8; what is too long ends with a whole character. */
  text(text: string): this {
    const room = new Uint8Array(Math.min(3 * text.length, TEXT_BYTES_MAX))
    const { written } = encoder.encodeInto(text, room)
    return this.u16(written).#push(room.subarray(0, written))
  }

  frame(type: number, flags: number, x: number, y: number, z: number): Uint8Array {
    const frame = frameBytes(new Uint8Array(roundUpToSlot(this.#length)))
    writeHeader(frame.view, 0, frame.bytes.length, type, flags, x, y, z)
    let at = FRAME_HEADER_BYTES
    for (const part of this.#parts) {
      frame.bytes.set(part, at)
      at += part.length
    }
    return frame.bytes
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }
}

/** Reads what follows a frame's header, one field after the other; undefined beyond its end. */
export class FrameFields {
  readonly #source: FrameBytes
  readonly #end: number
  #at: number

  constructor(source: FrameBytes, at: number) {
    this.#source = source
    this.#at = at + FRAME_HEADER_BYTES
    this.#end = at + frameLength(source.view, at)
  }

  u32(): number | undefined {
    const at = this.#take(4)
    return at === undefined ? undefined : this.#source.view.getUint32(at, true)
  }

  text(): string | undefined {
    const lengthAt = this.#take(2)
    if (lengthAt === undefined) return undefined
    const length = this.#source.view.getUint16(lengthAt, true)
    const at = this.#take(length)
    if (at === undefined) return undefined
    try {
      return decoder.decode(this.#source.bytes.subarray(at, at + length))
    } catch {
      return undefined // not UTF-8
    }
  }

  #take(bytes: number): number | undefined {
    const at = this.#at
    if (at + bytes > this.#end) return undefined
    this.#at = at + bytes
    return at
  }
}
