import { NAME_CHARS_MAX } from '../abi/limits.js'
import type { RuleBody } from './rule.js'
import { formatSelector, type Selector } from './selector.js'

const numberPattern = /-([0-9]+)$/

/** Gives rules that came without an id one of their own. */
export class RuleIds {
  readonly #taken: Set<string>
  /** The last number tried behind a base, so that a thousand equal rules cost a thousand steps. */
  readonly #numbers = new Map<string, number>()

  /** @param taken ids that are in use. */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken)
  }

  /**
   * Names a rule after what it says: `accept web:* -> db:5432` becomes `accept-web-db.5432`, with
   * `-2`, `-3` and so on behind it when that is taken. The same rules in the same order get the
   * same ids, so counters survive a file being read again.
   */
  derive(rule: RuleBody): string {
    const base = baseOf(rule)
    let n = this.#numbers.get(base) ?? 0
    let id: string
    do id = numbered(base, ++n)
    while (this.#taken.has(id))
    this.#taken.add(id)
    this.#numbers.set(base, n)
    return id
  }
}

/** True when a rule goes by an id that could have been made for it, with a number behind it. */
export function isNumbered(rule: RuleBody & { readonly id: string }): boolean {
  return numberPattern.test(rule.id) && numberOf(baseOf(rule), rule.id) > 1
}

/**
 * True when a rule that goes by an id made for it would go by another one if that were free: the
 * lower numbers are given first.
 */
export function wouldTake(rule: RuleBody & { readonly id: string }, id: string): boolean {
  const own = numberPattern.exec(rule.id)
  // A lower number is not longer, so what stands in front of it is not shorter.
  if (own === null || !id.startsWith(rule.id.slice(0, own.index))) return false
  const base = baseOf(rule)
  return numberOf(base, id) < numberOf(base, rule.id)
}

/** The how manyth id of a base this is; NaN when it is none. */
function numberOf(base: string, id: string): number {
  if (id === numbered(base, 1)) return 1
  const n = Number(numberPattern.exec(id)?.[1])
  return n > 1 && id === numbered(base, n) ? n : NaN
}

function baseOf({ action, source, destination, type }: RuleBody): string {
  const kind = type === 'any' ? '' : `-${type}`
  return `${action}-${slug(source)}-${slug(destination)}${kind}`
}

function numbered(base: string, n: number): string {
  const suffix = n === 1 ? '' : `-${n}`
  return base.slice(0, NAME_CHARS_MAX - suffix.length) + suffix
}

/** `web:*` is `web`, `tag:db:5432` is `tag.db.5432`, `@a:1` is `set.a.1`, `*:80` is `any.80`. */
function slug(selector: Selector): string {
  return formatSelector(selector)
    .replace(/:\*$/, '')
    .replace('*', 'any')
    .replace('@', 'set.')
    .replaceAll(':', '.')
}
