import { setTimeout as sleep } from 'node:timers/promises'
import type { Ring } from '../../sdk/index.js'
import { failed } from '../fail.js'
import { drained } from './drained.js'
import { LatencyGauge } from './latency.js'
import type { Extent } from './sending.js'
import { NS_PER_MS } from './units.js'

/** Longer waits are left to a timer, which is up to a millisecond late. */
const TIMER_MS_MIN = 2
/** How long an answer may stay away. */
const SILENT_MS_MAX = 5_000
/** Trips that are not counted: until the code on the way is compiled. */
const WARM_UP = { seconds: 1, messages: 1_000 }

/** What round trips took. */
export interface Trips {
  readonly gauge: LatencyGauge
  /** All of them together, pauses included. */
  readonly seconds: number
}

/** Sends one datagram after the other, each when the one before is back. */
export class RoundTrips {
  readonly #ring: Ring
  readonly #to: string
  readonly #payload: Uint8Array
  readonly #gauge = new LatencyGauge()
  #onArrival: (() => void) | undefined

  constructor(ring: Ring, to: string, payloadBytes: number) {
    this.#ring = ring
    this.#to = to
    this.#payload = new Uint8Array(payloadBytes)
  }

  get count(): number {
    return this.#gauge.count
  }

  /**
   * @param perSecond trips; one after the other without a pause unless told.
   * @throws Failure when an answer stays away.
   */
  async run(extent: Extent, perSecond: number | undefined): Promise<Trips> {
    const reading = this.#read()
    await Promise.race([reading, this.#trips(WARM_UP, undefined)])
    this.#gauge.reset()
    const startedMs = performance.now()
    await Promise.race([reading, this.#trips(extent, perSecond)])
    return { gauge: this.#gauge, seconds: (performance.now() - startedMs) / 1000 }
  }

  async #read(): Promise<never> {
    for await (const batch of this.#ring.batches()) {
      for (let i = 0; i < batch.length; i++) this.#onArrival?.()
    }
    throw failed('the ring was closed')
  }

  async #trips({ seconds, messages }: Extent, perSecond: number | undefined): Promise<void> {
    const startedMs = performance.now()
    for (let trip = 0; trip < messages; trip++) {
      const sinceMs = performance.now() - startedMs
      if (sinceMs >= seconds * 1000) return
      if (perSecond !== undefined) await pause((trip / perSecond) * 1000 - sinceMs)
      await this.#trip()
    }
  }

  async #trip(): Promise<void> {
    const ring = this.#ring
    const arrived = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(failed(`no answer came from ${this.#to} for ${SILENT_MS_MAX / 1000} s`))
      }, SILENT_MS_MAX)
      timer.unref() // a measurement that is over, by Ctrl-C or otherwise, waits for no answer
      this.#onArrival = () => {
        this.#gauge.record((performance.now() - leftMs) * NS_PER_MS)
        clearTimeout(timer)
        resolve()
      }
    })
    let leftMs = performance.now()
    while (!ring.trySend(this.#to, this.#payload)) {
      await drained(ring)
      leftMs = performance.now()
    }
    await arrived
  }
}

async function pause(ms: number): Promise<void> {
  const endsMs = performance.now() + ms
  if (ms > TIMER_MS_MIN) await sleep(ms - TIMER_MS_MIN)
  while (performance.now() < endsMs) await new Promise(resolve => setImmediate(resolve))
}
