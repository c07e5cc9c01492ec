import type { MessageType } from '../abi/addr.js'
import type { SeenFlow } from './seen-flow.js'

/** What is seen of one flow, all times together. */
export type FlowSum = Omit<SeenFlow, 'effect' | 'rule'>

const FIRST_FLOWS = 1_024
/** What tells a flow from others: numbers of its names and type, and its ports. */
const KEY_WORDS = 5
const SUMS = { datagrams: 0, bytes: 1, firstAt: 2, lastAt: 3 } as const
const SUM_NUMBERS = 4
/** Slots of the hash table for each flow that there is room for. */
const SPARE = 2

/**
 * Adds up what is seen of flows, by whom they are from and to. There may be a million of them, so
 * they are rows of a few long arrays: as many objects would keep the garbage collector busy for
 * longer than all else takes.
 */
export class FlowSums {
  #length = 0
  #keys = new Uint32Array(KEY_WORDS * FIRST_FLOWS)
  #sums = new Float64Array(SUM_NUMBERS * FIRST_FLOWS)
  /** A hash table: a flow's index and one more, or 0. */
  #slots = new Int32Array(SPARE * FIRST_FLOWS)
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = []
  readonly #key = new Uint32Array(KEY_WORDS)

  /** How many flows there are. */
  get length(): number {
    return this.#length
  }

  /**
   * Adds to a flow.
   * @returns its index, which is the length so far for one that was not seen before.
   */
  add(flow: FlowSum): number {
    const { datagrams, bytes, firstAt, lastAt } = flow
    const key = this.#key
    key[0] = this.#numberOf(flow.source)
    key[1] = flow.sourcePort
    key[2] = this.#numberOf(flow.destination)
    key[3] = flow.destinationPort
    key[4] = this.#numberOf(flow.type)
    const slot = this.#slotOf(key)
    const known = this.#slots[slot]! - 1
    const sums = this.#sums
    if (known >= 0) {
      const at = known * SUM_NUMBERS
      sums[at + SUMS.datagrams]! += datagrams
      sums[at + SUMS.bytes]! += bytes
      sums[at + SUMS.firstAt] = Math.min(sums[at + SUMS.firstAt]!, firstAt)
      sums[at + SUMS.lastAt] = Math.max(sums[at + SUMS.lastAt]!, lastAt)
      return known
    }
    const index = this.#length++
    this.#keys.set(key, index * KEY_WORDS)
    const at = index * SUM_NUMBERS
    sums[at + SUMS.datagrams] = datagrams
    sums[at + SUMS.bytes] = bytes
    sums[at + SUMS.firstAt] = firstAt
    sums[at + SUMS.lastAt] = lastAt
    this.#slots[slot] = index + 1
    if (this.#length * SPARE === this.#slots.length) this.#grow()
    return index
  }

  /** When a flow was seen last, in milliseconds since the epoch. */
  lastAt(index: number): number {
    return this.#sums[index * SUM_NUMBERS + SUMS.lastAt]!
  }

  at(index: number): FlowSum {
    const key = this.#keys.subarray(index * KEY_WORDS, (index + 1) * KEY_WORDS)
    const sums = this.#sums.subarray(index * SUM_NUMBERS, (index + 1) * SUM_NUMBERS)
    return {
      source: this.#names[key[0]!]!,
      sourcePort: key[1]!,
      destination: this.#names[key[2]!]!,
      destinationPort: key[3]!,
      type: this.#names[key[4]!] as MessageType,
      datagrams: sums[SUMS.datagrams]!,
      bytes: sums[SUMS.bytes]!,
      firstAt: sums[SUMS.firstAt]!,
      lastAt: sums[SUMS.lastAt]!,
    }
  }

  /** The indexes of those with most datagrams, in falling order; of equals, the first ones first. */
  largest(count: number): number[] {
    const all = Float64Array.from({ length: this.#length }, (_, i) => this.#datagrams(i))
    // To sort numbers alone is so fast that only those above the least that is wanted are left.
    const least = all.slice().sort()[Math.max(0, all.length - count)]!
    const found: number[] = []
    for (let index = 0; index < all.length; index++) if (all[index]! >= least) found.push(index)
    return found.sort((a, b) => all[b]! - all[a]! || a - b).slice(0, count)
  }

  #datagrams(index: number): number {
    return this.#sums[index * SUM_NUMBERS + SUMS.datagrams]!
  }

  #numberOf(name: string): number {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#names.push(name) - 1
      this.#numbers.set(name, number)
    }
    return number
  }

  /** Where a flow is in the hash table, or has its place. */
  #slotOf(key: Uint32Array): number {
    const mask = this.#slots.length - 1
    let slot = hashOf(key) & mask
    while (this.#slots[slot] !== 0 && !this.#isAt(this.#slots[slot]! - 1, key)) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  #isAt(index: number, key: Uint32Array): boolean {
    const keys = this.#keys
    const at = index * KEY_WORDS
    for (let i = 0; i < KEY_WORDS; i++) if (keys[at + i] !== key[i]) return false
    return true
  }

  #grow(): void {
    const [keys, sums] = [this.#keys, this.#sums]
    this.#keys = new Uint32Array(2 * keys.length)
    this.#keys.set(keys)
    this.#sums = new Float64Array(2 * sums.length)
    this.#sums.set(sums)
    this.#slots = new Int32Array(2 * this.#slots.length)
    for (let index = 0; index < this.#length; index++) {
      const key = this.#keys.subarray(index * KEY_WORDS, (index + 1) * KEY_WORDS)
      this.#slots[this.#slotOf(key)] = index + 1
    }
  }
}

// FNV-1a over words, its high bits mixed into those that are used.
function hashOf(key: Uint32Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < KEY_WORDS; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}
