import { NameIndex, type IndexedNames } from './name-index.js'
import type { Rule } from './rule.js'

/**
 * The rules of a table as text, in a form that goes from one thread to another as it is: bytes,
 * which are handed over, where a string of megabytes would be copied.
 */
export interface RuleTexts {
  readonly ids: IndexedNames
  /** The JSON of each rule, one behind the other, in UTF-8. */
  readonly text: Uint8Array
  /** Where the JSON of each rule ends, in bytes. */
  readonly ends: Uint32Array
}

const decoder = new TextDecoder()

/** Writes rules down that were written as JSON one by one. */
export function ruleTexts(ids: IndexedNames, jsons: readonly string[]): RuleTexts {
  const encoder = new TextEncoder()
  const parts = jsons.map(json => encoder.encode(json))
  const ends = new Uint32Array(parts.length)
  let end = 0
  for (const [index, part] of parts.entries()) ends[index] = end += part.length
  const text = new Uint8Array(end)
  for (const [index, part] of parts.entries()) text.set(part, ends[index]! - part.length)
  return { ids, text, ends }
}

/**
 * The rules of a table, of which one that came as text is read when somebody asks for it: most of
 * ten thousand never decide anything while their table is in force.
 */
export class RuleList {
  readonly length: number
  readonly #texts: RuleTexts | undefined
  readonly #ids: NameIndex | undefined
  readonly #read: (Rule | undefined)[]

  /** @param source rules that never change. */
  constructor(source: readonly Rule[] | RuleTexts) {
    if ('text' in source) {
      this.length = source.ends.length
      this.#texts = source
      this.#ids = new NameIndex(source.ids)
      this.#read = []
      this.#read.length = source.ends.length
    } else {
      this.length = source.length
      this.#read = [...source]
    }
  }

  /** The rule at an index from 0; the same object each time. */
  at(index: number): Rule {
    return (this.#read[index] ??= this.peek(index))
  }

  /** The same, for who looks at many rules once: it is not kept. */
  peek(index: number): Rule {
    return this.#read[index] ?? readRule(this.#texts!, index)
  }

  idAt(index: number): string {
    return this.#ids === undefined ? this.#read[index]!.id : this.#ids.nameAt(index)
  }

  /** The index of the rule with this id, or -1. */
  indexOf(id: string): number {
    if (this.#ids !== undefined) return this.#ids.find(id)
    return this.#read.findIndex(rule => rule!.id === id)
  }

  /** All of them: reads ten thousand, where there are as many. */
  all(): readonly Rule[] {
    for (let index = 0; index < this.length; index++) this.at(index)
    return this.#read as Rule[]
  }
}

function readRule({ text, ends }: RuleTexts, index: number): Rule {
  const start = index === 0 ? 0 : ends[index - 1]
  return JSON.parse(decoder.decode(text.subarray(start, ends[index]))) as Rule
}
