import { connect, type Ring } from '../../../src/sdk/index.js'
import { Stamp } from '../../parts/stamp.js'
import type { Door } from '../../protocol.js'
import { hostActor, type Fail } from '../actor.js'
import { SOCKET_ONLY } from '../socket-only.js'

/** When a source offers datagrams. */
export type Pace =
  /** As many as are taken. */
  | { readonly kind: 'full' }
  /** So many each second, in bursts; those that are not taken are given up. */
  | { readonly kind: 'rate'; readonly perSecond: number }

/** A domain that sends to one address. */
export interface SourceJob {
  readonly name: string
  readonly door: Door
  readonly port: number
  /** Such as `sink:5000`. */
  readonly to: string
  readonly payloadBytes: number
  readonly pace: Pace
  /** Refusals are what it is there for; else the first one ends the scenario. */
  readonly mayBeRefused?: boolean | undefined
}

export interface SourceCount {
  /** Taken by the SDK: they arrive, or the scenario fails. */
  readonly sent: number
  /** What there was to be sent. */
  readonly offered: number
  /** How often the SDK said "not now", and how often it called after that. */
  readonly turnedAway: number
  readonly drains: number
  /** Datagrams that were refused for good. */
  readonly refused: number
}

const TICK_MS = 5

class Source {
  readonly #ring: Ring
  readonly #to: string
  readonly #stamp: Stamp
  readonly #pace: Pace
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #isScheduled = false
  #offered = 0
  #turnedAway = 0
  #drains = 0
  #refused = 0
  #startedMs = 0
  #offeredBefore = 0

  constructor(ring: Ring, job: SourceJob, fail: Fail) {
    const { name, to, payloadBytes, pace, mayBeRefused = false } = job
    this.#ring = ring
    this.#to = to
    this.#stamp = new Stamp(payloadBytes)
    this.#pace = pace
    ring.on('drain', () => {
      this.#drains++
      if (pace.kind === 'full') this.#pump()
    })
    ring.on('refused', (error, count) => {
      this.#refused += count
      if (!mayBeRefused) fail(`${name}: ${error.message}`)
    })
  }

  start(): void {
    this.#isRunning = true
    if (this.#pace.kind === 'full') {
      this.#schedule()
      return
    }
    this.#startedMs = performance.now()
    this.#offeredBefore = this.#offered
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    this.#isRunning = false
    clearInterval(this.#timer)
  }

  count(): SourceCount {
    const sent = this.#stamp.seq
    const offered = this.#pace.kind === 'full' ? sent : this.#offered
    const [turnedAway, drains, refused] = [this.#turnedAway, this.#drains, this.#refused]
    return { sent, offered, turnedAway, drains, refused }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    const ring = this.#ring
    const stamp = this.#stamp
    while (this.#isRunning) {
      if (!ring.trySend(this.#to, stamp.bytes)) {
        this.#turnedAway++
        return
      }
      stamp.advance()
    }
  }

  #tick(): void {
    if (this.#pace.kind !== 'rate') return
    const due = ((performance.now() - this.#startedMs) / 1000) * this.#pace.perSecond
    while (this.#offered - this.#offeredBefore < due) {
      this.#offered++
      if (this.#ring.trySend(this.#to, this.#stamp.bytes)) this.#stamp.advance()
      else this.#turnedAway++
    }
  }
}

const sources = new Map<string, Source>()

function named(names: readonly string[] | undefined): Source[] {
  return names === undefined ? [...sources.values()] : names.map(name => sources.get(name)!)
}

const commandsOf = (fail: Fail) => ({
  async attach(jobs: readonly SourceJob[]): Promise<void> {
    for (const job of jobs) {
      const { name, door, port } = job
      const domain = await connect({ ...door, ...SOCKET_ONLY, agent: 'v4vd bench source' })
      const ring = await domain.bind(port, { size: '64KiB' })
      ring.on('close', error => fail(`the ring of ${name} is gone: ${error?.message ?? 'closed'}`))
      sources.set(name, new Source(ring, job, fail))
    }
  },

  /** Begins to send; all of them unless told which. */
  start(names?: readonly string[]): void {
    for (const source of named(names)) source.start()
  },

  /** @returns what was sent until now by those that stop. */
  stop(names?: readonly string[]): number {
    const stopped = named(names)
    for (const source of stopped) source.stop()
    return stopped.reduce((sum, source) => sum + source.count().sent, 0)
  },

  counts(): Record<string, SourceCount> {
    return Object.fromEntries([...sources].map(([name, source]) => [name, source.count()]))
  },
})

export type SourceCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
