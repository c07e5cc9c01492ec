import { CONTROL_NAME } from '../abi/addr.js'
import type { Selector } from './selector.js'
import type { Subject } from './subject.js'

/** Values filed under whom a selector means (its ports aside), found by domain. */
export class SelectorMap<T> {
  readonly #names = new Map<string, T>()
  readonly #tags = new Map<string, T>()
  #any: T | undefined

  /** The value filed where this selector points; makes it first if there is none. */
  getOrMake(selector: Selector, make: () => T): T {
    if (selector.kind === 'any') return (this.#any ??= make())
    const [values, key] =
      selector.kind === 'tag'
        ? [this.#tags, selector.tag]
        : [this.#names, selector.kind === 'set' ? `@${selector.set}` : selector.name]
    let value = values.get(key)
    if (value === undefined) values.set(key, (value = make()))
    return value
  }

  /** How many places hold values for a domain; all of them are asked with `at`. */
  static places(subject: Subject): number {
    return subject.name === CONTROL_NAME ? 1 : 2 + subject.tags.length
  }

  /** The value at one of a domain's places: its name, `*`, each of its tags. */
  at(subject: Subject, place: number): T | undefined {
    if (place === 0) return this.#names.get(subject.name)
    if (place === 1) return this.#any
    return this.#tags.get(subject.tags[place - 2]!)
  }

  /** The same places with other values. */
  map<U>(change: (value: T) => U): SelectorMap<U> {
    const changed = new SelectorMap<U>()
    for (const [name, value] of this.#names) changed.#names.set(name, change(value))
    for (const [tag, value] of this.#tags) changed.#tags.set(tag, change(value))
    if (this.#any !== undefined) changed.#any = change(this.#any)
    return changed
  }
}
