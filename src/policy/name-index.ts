/** Names and their numbers, in a form that goes from one thread to another without being taken apart. */
export interface IndexedNames {
  /** All names, one behind the other. */
  readonly text: string
  /** Where each name ends. */
  readonly ends: Uint32Array
  /** A hash table with room to spare: a name's number and one more, or 0 where nothing is. */
  readonly slots: Int32Array
}

/** Slots for each name at least. */
const SPARE = 2

/** Gives names, all different, the numbers 0, 1, 2 and so on. */
export function indexNames(names: readonly string[]): IndexedNames {
  const ends = new Uint32Array(names.length)
  const slots = new Int32Array(slotsFor(names.length))
  let end = 0
  for (let number = 0; number < names.length; number++) {
    const name = names[number]!
    ends[number] = end += name.length
    let slot = hashOf(name) & (slots.length - 1)
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1)
    slots[slot] = number + 1
  }
  return { text: names.join(''), ends, slots }
}

/** Finds names by their numbers and numbers by their names. */
export class NameIndex {
  readonly #text: string
  readonly #ends: Uint32Array
  readonly #slots: Int32Array

  constructor({ text, ends, slots }: IndexedNames) {
    this.#text = text
    this.#ends = ends
    this.#slots = slots
  }

  /** The name of a number that is taken. */
  nameAt(number: number): string {
    return this.#text.slice(this.#startOf(number), this.#ends[number])
  }

  /** The number of a name, or -1. */
  find(name: string): number {
    const mask = this.#slots.length - 1
    let slot = hashOf(name) & mask
    let number = this.#slots[slot]! - 1
    while (number >= 0 && !this.#isAt(number, name)) {
      slot = (slot + 1) & mask
      number = this.#slots[slot]! - 1
    }
    return number
  }

  #isAt(number: number, name: string): boolean {
    const start = this.#startOf(number)
    return this.#ends[number]! - start === name.length && this.#text.startsWith(name, start)
  }

  #startOf(number: number): number {
    return number === 0 ? 0 : this.#ends[number - 1]!
  }
}

/** Slots of a hash table for so many entries: a power of two, of which half are free. */
export function slotsFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(SPARE * Math.max(1, count)))
}

// FNV-1a.
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
