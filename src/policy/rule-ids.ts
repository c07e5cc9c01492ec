import { NAME_CHARS_MAX } from '../abi/limits.js'
import type { RuleBody } from './rule.js'
import { formatSelector, type Selector } from './selector.js'

/** Of an id, what no number behind it makes way for: rules are counted in less than ten digits. */
const STEM_CHARS = NAME_CHARS_MAX - 10

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

/** What ids that are derived from equal rules have in common. */
export function idStem(id: string): string {
  return id.replace(/-[0-9]+$/, '').slice(0, STEM_CHARS)
}

/** True when the id could be one that was derived. */
export function isLikeDerived(rule: RuleBody & { readonly id: string }): boolean {
  return idStem(rule.id) === idStem(baseOf(rule))
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
