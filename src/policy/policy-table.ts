import type { MessageType } from '../abi/addr.js'
import { compileRules, type CompiledRules } from './compiled-rules.js'
import { Membership } from './membership.js'
import { placesOf } from './places.js'
import { RuleIndex } from './rule-index.js'
import { RuleList } from './rule-list.js'
import type { Rule } from './rule.js'
import { matchesPort, type PortRange } from './selector.js'
import type { Subject } from './subject.js'
import { defaultVerdict, verdictOf, type Verdict } from './verdict.js'

/** A place of a domain by its number, and for which of its ports: all when none are said. */
interface NumberedPlace {
  readonly number: number
  readonly ports: readonly PortRange[] | undefined
}

/** The places of a domain that some rule speaks of. */
interface DomainPlaces {
  /** The membership's version that this was true in. */
  readonly version: number
  readonly asSource: readonly NumberedPlace[]
  readonly asDestination: readonly NumberedPlace[]
}

/**
 * One revision of the policy, compiled: the answers of `evaluate` at a cost that does not depend
 * on the number of rules. Rules are filed under whom they mean as source, then under whom they
 * mean as destination, then by message type; a decision asks the few places where rules about
 * these two domains can be (their names, tags and sets, and `*`) and takes the smallest position.
 * It can't be changed: an edit of the rules makes a new table. Only time, and who is in which
 * set, go on under it.
 */
export class PolicyTable {
  readonly revision: number
  /** The rules one by one. */
  readonly list: RuleList
  /** Who is in which set; live. */
  readonly membership: Membership
  /** By position, those that were asked for; the default's is at 0. */
  readonly #verdicts: (Verdict | undefined)[]
  readonly #compiled: CompiledRules
  readonly #index: RuleIndex
  readonly #places = new WeakMap<Subject, DomainPlaces>()

  /**
   * @param rules in the order in which they are asked.
   * @param membership may be shared with other tables.
   * @param compiled what `compileRules` made of these rules, for this table alone; made here when
   *   left out.
   */
  constructor(
    revision: number,
    rules: readonly Rule[] | RuleList,
    membership = new Membership(),
    compiled?: CompiledRules,
  ) {
    this.revision = revision
    this.membership = membership
    this.list = rules instanceof RuleList ? rules : new RuleList(rules)
    this.#compiled = compiled ?? compileRules(this.list.all())
    this.#index = new RuleIndex(this.#compiled)
    this.#verdicts = [defaultVerdict(revision)]
    this.#verdicts.length = this.list.length + 1
  }

  /** All rules; where they came as text, all of them are read. */
  get rules(): readonly Rule[] {
    return this.list.all()
  }

  /** The rules that let datagrams through, but not all of them. */
  get limited(): readonly Rule[] {
    return Array.from(this.#compiled.limited, position => this.list.at(position - 1))
  }

  /**
   * The answer to one datagram; the same object each time the same rule decides. What has expired
   * since the last call of `expire` still counts.
   */
  decide(
    source: Subject,
    sourcePort: number,
    destination: Subject,
    destinationPort: number,
    type: MessageType,
  ): Verdict {
    const { asSource } = this.#placesOf(source)
    const { asDestination } = this.#placesOf(destination)
    const none = this.#verdicts.length
    let best = none
    for (let i = 0; i < asSource.length; i++) {
      const from = asSource[i]!
      if (!isAmong(from.ports, sourcePort)) continue
      for (let j = 0; j < asDestination.length; j++) {
        const to = asDestination[j]!
        const group = this.#index.groupOf(from.number, to.number)
        if (group < 0 || !isAmong(to.ports, destinationPort)) continue
        best = this.#index.lookup(group, sourcePort, destinationPort, type, best)
      }
    }
    return this.verdictAt(best === none ? 0 : best)
  }

  /** How many verdicts there are: one for each rule, and the default's. */
  get verdictCount(): number {
    return this.#verdicts.length
  }

  /**
   * The verdict of a rule by its position: 0 is the default, and `verdict.position` is the way
   * back. A cache keeps these numbers in place of objects.
   */
  verdictAt(position: number): Verdict {
    return (this.#verdicts[position] ??= verdictOf(
      this.list.at(position - 1),
      position,
      this.revision,
    ))
  }

  /** True when the rule at a position accepts whatever it speaks of. */
  isPlain(position: number): boolean {
    return this.#compiled.plain[position] === 1
  }

  /** When the next rule or element of a set may expire, in milliseconds since the epoch. */
  get nextExpiry(): number {
    return Math.min(this.#index.nextExpiry, this.membership.nextExpiry)
  }

  /**
   * Takes out what has expired by now. It has to be called when `nextExpiry` has come.
   * @returns true when answers may be others than before, so that caches of them must be cleared.
   */
  expire(now: number): boolean {
    const hasMembers = this.membership.expire(now)
    if (now < this.#index.nextExpiry) return hasMembers
    this.#index.expire(now)
    return true
  }

  #placesOf(subject: Subject): DomainPlaces {
    const known = this.#places.get(subject)
    if (known !== undefined && known.version === this.membership.version) return known
    const found = this.#findPlaces(subject)
    this.#places.set(subject, found)
    return found
  }

  #findPlaces(subject: Subject): DomainPlaces {
    const asSource: NumberedPlace[] = []
    const asDestination: NumberedPlace[] = []
    for (const { key, ports } of placesOf(subject, this.membership)) {
      const source = this.#index.sourceOf(key)
      if (source >= 0) asSource.push({ number: source, ports })
      const destination = this.#index.destinationOf(key)
      if (destination >= 0) asDestination.push({ number: destination, ports })
    }
    return { version: this.membership.version, asSource, asDestination }
  }
}

function isAmong(ranges: readonly PortRange[] | undefined, port: number): boolean {
  if (ranges === undefined) return true
  for (let i = 0; i < ranges.length; i++) if (matchesPort(ranges[i]!, port)) return true
  return false
}
