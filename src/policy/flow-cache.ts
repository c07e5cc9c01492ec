import { assert } from '../util/assert.js'

/** An entry: generation, domains, two ports, type, position, two words of note: half a cache line. */
const ENTRY_WORDS = 8
const GENERATION = 0
const DOMAINS = 1
const SOURCE_PORT = 2
const DESTINATION_PORT = 3
const TYPE = 4
const POSITION = 5
const NOTE = 6
const NOTE_TAG = 7

/** A flow is kept in one of so many entries in a row, so the worst lookup is bounded too. */
const PROBES = 8
/** Generations are counted up to this; then the array is wiped and counting starts again. */
const GENERATION_MAX = 0xffff
const ENTRIES_DEFAULT = 65_536

/**
 * The policy's last answers, in front of a PolicyTable: from a flow to the position of the rule
 * that decided it (0 is the default), which `table.verdictAt` turns into the verdict. The key has
 * domain numbers where the table has names and tags, so it must be cleared when another table
 * comes into force, and when a domain gets other tags.
 *
 * One Int32Array, open addressing. Nothing is ever removed but by `clear`, so the first entry of
 * an older generation ends a search: had the flow been stored, it would be there or before. A
 * full stretch gives up its entries in turn; whoever floods the cache with made-up ports thereby
 * costs others a walk through the table now and then, and nothing else.
 */
export class FlowCache {
  readonly #words: Int32Array
  readonly #mask: number
  #generation = 1
  #turn = 0
  #at = 0

  /** @param entries a power of two, 8 or more; each takes 32 bytes. */
  constructor(entries = ENTRIES_DEFAULT) {
    assert(
      Number.isInteger(Math.log2(entries)) && entries >= PROBES,
      `a flow cache has a power of two of entries, at least ${PROBES}, not ${entries}`,
    )
    this.#words = new Int32Array(entries * ENTRY_WORDS)
    this.#mask = entries - 1
  }

  /**
   * The position of the rule that decided this flow, or -1 when it is not known.
   * @param type the message type's number.
   */
  lookup(
    sourceDomain: number,
    sourcePort: number,
    destinationDomain: number,
    destinationPort: number,
    type: number,
  ): number {
    const words = this.#words
    const domains = (sourceDomain << 16) | destinationDomain
    const home = hash(domains, sourcePort, destinationPort, type)
    for (let probe = 0; probe < PROBES; probe++) {
      const at = ((home + probe) & this.#mask) * ENTRY_WORDS
      if (words[at + GENERATION] !== this.#generation) return -1
      if (this.#holds(at, domains, sourcePort, destinationPort, type)) {
        this.#at = at
        return words[at + POSITION]!
      }
    }
    return -1
  }

  /**
   * Where the flow is that was found or stored last, for `note` and `noteTag`; it is another's as
   * soon as something else is stored.
   */
  get entry(): number {
    return this.#at
  }

  /** What was noted with an entry; 0 when nothing was since the flow came into it. */
  note(entry: number): number {
    return this.#words[entry + NOTE]!
  }

  /** The tag that came with the note. */
  noteTag(entry: number): number {
    return this.#words[entry + NOTE_TAG]!
  }

  /** Notes two 32-bit numbers with an entry, for whoever keeps something about the flow. */
  setNote(entry: number, note: number, tag: number): void {
    this.#words[entry + NOTE] = note
    this.#words[entry + NOTE_TAG] = tag
  }

  /** Remembers the answer to a flow, over the one that is there. */
  store(
    sourceDomain: number,
    sourcePort: number,
    destinationDomain: number,
    destinationPort: number,
    type: number,
    position: number,
  ): void {
    const words = this.#words
    const domains = (sourceDomain << 16) | destinationDomain
    const home = hash(domains, sourcePort, destinationPort, type)
    this.#turn = (this.#turn + 1) % PROBES
    let at = ((home + this.#turn) & this.#mask) * ENTRY_WORDS
    for (let probe = 0; probe < PROBES; probe++) {
      const candidate = ((home + probe) & this.#mask) * ENTRY_WORDS
      if (
        words[candidate + GENERATION] !== this.#generation ||
        this.#holds(candidate, domains, sourcePort, destinationPort, type)
      ) {
        at = candidate
        break
      }
    }
    const isKnown =
      words[at + GENERATION] === this.#generation &&
      this.#holds(at, domains, sourcePort, destinationPort, type)
    if (!isKnown) this.setNote(at, 0, 0)
    this.#at = at
    words[at + GENERATION] = this.#generation
    words[at + DOMAINS] = domains
    words[at + SOURCE_PORT] = sourcePort
    words[at + DESTINATION_PORT] = destinationPort
    words[at + TYPE] = type
    words[at + POSITION] = position
  }

  /** Forgets everything: entries of another generation count as empty. */
  clear(): void {
    if (this.#generation < GENERATION_MAX) {
      this.#generation++
    } else {
      this.#words.fill(0)
      this.#generation = 1
    }
  }

  #holds(
    at: number,
    domains: number,
    sourcePort: number,
    destinationPort: number,
    type: number,
  ): boolean {
    const words = this.#words
    return (
      words[at + DOMAINS] === domains &&
      words[at + SOURCE_PORT] === (sourcePort | 0) &&
      words[at + DESTINATION_PORT] === (destinationPort | 0) &&
      words[at + TYPE] === (type | 0)
    )
  }
}

/** Every bit of the key reaches every bit of the result (the finisher of MurmurHash3). */
function hash(domains: number, sourcePort: number, destinationPort: number, type: number): number {
  let h = Math.imul(domains, 0x9e3779b1) ^ type
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ sourcePort
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ destinationPort
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
