import { frameBytes, type FrameBytes } from '../abi/frame.js'

/** A NOTIFY of as many entries as it may have is not longer. */
const SMALL_FRAME_BYTES = 8192

/** Copies of frames whose client can change them while they are read. */
export class PrivateCopy {
  readonly #small = frameBytes(new Uint8Array(SMALL_FRAME_BYTES))

  /** @returns the frame, at 0; it is gone with the next call. */
  of(source: FrameBytes, at: number, length: number): FrameBytes {
    const copy = length <= SMALL_FRAME_BYTES ? this.#small : frameBytes(new Uint8Array(length))
    copy.bytes.set(source.bytes.subarray(at, at + length))
    // The length that was checked, whatever it says there now.
    copy.view.setUint32(0, length, true)
    return copy
  }
}
