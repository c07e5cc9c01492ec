import type { Ring } from './ring.js'
import { AbortError } from './errors.js'

/** Requests of a session that may be under way at a time; more wait their turn. */
const RINGS_MAX = 64
/** Rings kept for the next request. */
const IDLE_MAX = 16

/** The rings that answers to requests come to: each serves one request at a time. */
export class RequestPool {
  readonly #bind: (signal: AbortSignal) => Promise<Ring>
  readonly #idle: Ring[] = []
  #used = 0
  #waiting: (() => void)[] = []

  constructor(bind: (signal: AbortSignal) => Promise<Ring>) {
    this.#bind = bind
  }

  /** A ring that no other request uses. */
  async take(signal: AbortSignal): Promise<Ring> {
    while (this.#used >= RINGS_MAX) await this.#turn(signal)
    this.#used++
    const ring = this.#idle.pop()
    if (ring !== undefined) return ring
    try {
      return await this.#bind(signal)
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  /** Gives back a ring whose request was answered. */
  give(ring: Ring): void {
    ring.discard()
    if (this.#idle.length < IDLE_MAX) this.#idle.push(ring)
    else this.#drop(ring)
    this.#leave()
  }

  /** Gives back a ring to which an answer may still come: it serves no other request. */
  discard(ring: Ring): void {
    this.#drop(ring)
    this.#leave()
  }

  #drop(ring: Ring): void {
    ring.close().catch(() => undefined) // the session is over, and so is the ring
  }

  #leave(): void {
    this.#used--
    this.#waiting.shift()?.()
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter(other => other !== onTurn)
        reject(new AbortError(signal.reason))
      }
      const onTurn = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(onTurn)
    })
  }
}
