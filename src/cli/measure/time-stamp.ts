import { performance } from 'node:perf_hooks'
import { NS_PER_MS } from './units.js'

/** A time and nothing else. */
export const STAMP_BYTES = 8

/**
 * The system's steady clock, which all processes of this machine share.
 * @returns nanoseconds; as a double exact to the nanosecond for the first 104 days after boot.
 */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}

/** Payloads that bear the time at which they are sent. */
export class StampedPayload {
  readonly bytes: Uint8Array
  readonly #view: DataView
  /** What `performance.now()` has to be added to, to be the steady clock. */
  readonly #baseNs = nowNs() - performance.now() * NS_PER_MS

  /** @param payloadBytes from 8 up. */
  constructor(payloadBytes: number) {
    this.bytes = Uint8Array.from({ length: payloadBytes }, (_, i) => (i * 167) & 0xff)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Writes the time. */
  stamp(): void {
    this.#view.setFloat64(0, this.#baseNs + performance.now() * NS_PER_MS, true)
  }
}

/** The time that a payload at this place bears. */
export function stampOf(view: DataView, at: number): number {
  return view.getFloat64(at, true)
}
