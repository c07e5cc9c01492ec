import { setTimeout as sleep } from 'node:timers/promises'
import type { Ring } from '../../sdk/index.js'
import { drained } from './drained.js'
import type { StampedPayload } from './time-stamp.js'

/** When to stop: whichever comes first. */
export interface Extent {
  readonly seconds: number
  readonly messages: number
}

/** How many datagrams are sent before the clock is looked at. */
const RUN = 64
const TICK_MS = 1

/** Sends datagrams to one address and counts them. */
export class Sending {
  readonly #ring: Ring
  readonly #to: string
  readonly #payload: StampedPayload
  readonly #extent: Extent
  #datagrams = 0
  #waits = 0

  constructor(ring: Ring, to: string, payload: StampedPayload, extent: Extent) {
    this.#ring = ring
    this.#to = to
    this.#payload = payload
    this.#extent = extent
  }

  /** Taken by the SDK so far. */
  get datagrams(): number {
    return this.#datagrams
  }

  /** How often there was no room, and the next one had to wait. */
  get waits(): number {
    return this.#waits
  }

  /** As fast as there is room. */
  async fullSpeed(): Promise<void> {
    const { seconds, messages } = this.#extent
    const endsMs = performance.now() + seconds * 1000
    while (this.#datagrams < messages && performance.now() < endsMs) {
      if (!this.#send(Math.min(messages, this.#datagrams + RUN))) await drained(this.#ring)
    }
  }

  /** So many each second, in bursts once a millisecond; each bears the time. */
  async steady(perSecond: number): Promise<void> {
    const { seconds, messages } = this.#extent
    const startedMs = performance.now()
    const all = Math.min(messages, Math.round(seconds * perSecond))
    while (this.#datagrams < all) {
      const due = Math.ceil(((performance.now() - startedMs) / 1000) * perSecond)
      if (this.#sendStamped(Math.min(all, due))) await sleep(TICK_MS)
      else await drained(this.#ring)
    }
  }

  /** Sends until there are so many. @returns false when there is no room before. */
  #send(until: number): boolean {
    const [ring, to, { bytes }] = [this.#ring, this.#to, this.#payload]
    while (this.#datagrams < until) {
      if (!ring.trySend(to, bytes)) {
        this.#waits++
        return false
      }
      this.#datagrams++
    }
    return true
  }

  #sendStamped(until: number): boolean {
    while (this.#datagrams < until) {
      this.#payload.stamp()
      if (!this.#send(this.#datagrams + 1)) return false
    }
    return true
  }
}
