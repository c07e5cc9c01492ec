import { PORT_EPHEMERAL_MAX, PORT_EPHEMERAL_MIN } from '../abi/addr.js'
import type { Limits } from '../abi/limits.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'

/** Which flows are counted as one. */
export interface MeteredFlow {
  readonly source: string
  /** A port that a daemon picks is counted as PORT_EPHEMERAL_MIN; so is that of a destination. */
  readonly sourcePort: number
  readonly destination: string
  readonly port: number
  /** A number of MESSAGE_TYPES. */
  readonly type: number
  readonly effect: FlowVerdict
  /** A rule's id, or DEFAULT_ID. */
  readonly rule: string
}

/** What was counted of a flow since the last time it was taken. */
export interface FlowCount extends MeteredFlow {
  readonly datagrams: number
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly firstAt: number
  readonly lastAt: number
}

/** Slots are looked through when one in so many, as a power of two, may have become free. */
const RECLAIM_SHIFT = 6

/**
 * Counts what becomes of flows, for whoever writes it down now and then. A flow has a slot while
 * it is seen; to count a run of datagrams is a few additions to arrays. A slot is given up only
 * when the room is needed, and its tag then says so to whoever has noted its number.
 *
 * Where there are more flows than slots, or one domain has more than its share, the datagrams of
 * those that came last are counted as lost.
 */
export class FlowMeter {
  readonly #limits: Pick<Limits, 'flowMetersMax' | 'flowMetersPerDomainMax'>
  readonly #byKey = new Map<string, number>()
  readonly #flows: MeteredFlow[] = []
  readonly #slotsOf = new Map<string, number>()
  readonly #free: number[] = []
  readonly #tags: Int32Array
  readonly #datagrams: Float64Array
  readonly #bytes: Float64Array
  readonly #firstAt: Float64Array
  readonly #lastAt: Float64Array
  /** Slots with something to take. */
  #counted: number[] = []
  /** Slots that were taken since they were last looked through. */
  #taken = 0
  #lost = 0

  constructor(limits: Pick<Limits, 'flowMetersMax' | 'flowMetersPerDomainMax'>) {
    this.#limits = limits
    const { flowMetersMax } = limits
    this.#tags = new Int32Array(flowMetersMax)
    this.#datagrams = new Float64Array(flowMetersMax)
    this.#bytes = new Float64Array(flowMetersMax)
    this.#firstAt = new Float64Array(flowMetersMax)
    this.#lastAt = new Float64Array(flowMetersMax)
  }

  /** How many flows have something to take. */
  get pending(): number {
    return this.#counted.length
  }

  /** Datagrams that could not be counted, since the start. */
  get lost(): number {
    return this.#lost
  }

  /** The slot of a flow, or -1 when there is none for it. */
  slotOf(
    source: string,
    sourcePort: number,
    destination: string,
    port: number,
    type: number,
    effect: FlowVerdict,
    rule: string,
  ): number {
    const from = folded(sourcePort)
    const to = folded(port)
    const key = `${source}:${from} ${destination}:${to} ${type} ${effect} ${rule}`
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (!this.#hasRoom(source)) this.#reclaim()
    if (!this.#hasRoom(source)) return -1
    const slot = this.#free.pop() ?? this.#flows.length
    this.#flows[slot] = { source, sourcePort: from, destination, port: to, type, effect, rule }
    this.#byKey.set(key, slot)
    this.#slotsOf.set(source, (this.#slotsOf.get(source) ?? 0) + 1)
    return slot
  }

  /** A number that changes when a slot is given to another flow. */
  tagOf(slot: number): number {
    return this.#tags[slot]!
  }

  /**
   * Counts datagrams of the flow in a slot.
   * @param now milliseconds since the epoch.
   */
  add(slot: number, datagrams: number, bytes: number, now: number): void {
    if (slot < 0) {
      this.#lost += datagrams
      return
    }
    if (this.#datagrams[slot] === 0) {
      this.#counted.push(slot)
      this.#firstAt[slot] = now
    }
    this.#datagrams[slot]! += datagrams
    this.#bytes[slot]! += bytes
    this.#lastAt[slot] = now
  }

  /** Takes what was counted of some flows, at most so many; it counts from zero again. */
  take(flowsMax: number): FlowCount[] {
    const taken = this.#counted.splice(0, flowsMax)
    this.#taken += taken.length
    return taken.map(slot => {
      const count = {
        ...this.#flows[slot]!,
        datagrams: this.#datagrams[slot]!,
        bytes: this.#bytes[slot]!,
        firstAt: this.#firstAt[slot]!,
        lastAt: this.#lastAt[slot]!,
      }
      this.#datagrams[slot] = 0
      this.#bytes[slot] = 0
      return count
    })
  }

  #hasRoom(source: string): boolean {
    const { flowMetersMax, flowMetersPerDomainMax } = this.#limits
    if (this.#byKey.size >= flowMetersMax) return false
    return (this.#slotsOf.get(source) ?? 0) < flowMetersPerDomainMax
  }

  /** Takes the slots of all flows of which there is nothing to take. */
  #reclaim(): void {
    // Not for a few of them: to look at all slots takes a while.
    if (this.#taken < Math.max(1, this.#tags.length >>> RECLAIM_SHIFT)) return
    this.#taken = 0
    for (const [key, slot] of this.#byKey) {
      if (this.#datagrams[slot] !== 0) continue
      const { source } = this.#flows[slot]!
      this.#byKey.delete(key)
      this.#tags[slot] = (this.#tags[slot]! + 1) | 0
      this.#free.push(slot)
      const left = this.#slotsOf.get(source)! - 1
      if (left === 0) this.#slotsOf.delete(source)
      else this.#slotsOf.set(source, left)
    }
  }
}

function folded(port: number): number {
  return PORT_EPHEMERAL_MIN <= port && port <= PORT_EPHEMERAL_MAX ? PORT_EPHEMERAL_MIN : port
}
