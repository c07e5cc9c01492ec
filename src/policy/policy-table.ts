import type { MessageType } from '../abi/addr.js'
import { compileRules, type CompiledRules, type RuleGroup } from './compiled-rules.js'
import { Membership } from './membership.js'
import { placesOf, type Place } from './places.js'
import { hasLimits, lets, type Rule } from './rule.js'
import { matchesPort, type PortRange } from './selector.js'
import type { Subject } from './subject.js'
import { defaultVerdict, verdictOf, type Verdict } from './verdict.js'

/** A place of a domain, and the rules that have it as their source. */
interface SourcePlace extends Place {
  readonly row: ReadonlyMap<string, RuleGroup>
}

/** The places of a domain that some rule speaks of. */
interface DomainPlaces {
  /** The membership's version that this was true in. */
  readonly version: number
  readonly asSource: readonly SourcePlace[]
  readonly asDestination: readonly Place[]
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
  readonly rules: readonly Rule[]
  /** The rules that let datagrams through, but not all of them. */
  readonly limited: readonly Rule[]
  /** Who is in which set; live. */
  readonly membership: Membership
  /** One for each rule, made here so that deciding allocates nothing; the default's is at 0. */
  readonly #verdicts: readonly Verdict[]
  readonly #plain: Uint8Array
  readonly #compiled: CompiledRules
  readonly #places = new WeakMap<Subject, DomainPlaces>()
  #nextExpiry: number

  /**
   * @param rules in the order in which they are asked.
   * @param membership may be shared with other tables.
   * @param parts what a PolicyTableBuilder made of these rules; made here when left out.
   */
  constructor(
    revision: number,
    rules: readonly Rule[],
    membership = new Membership(),
    parts: TableParts = run(buildParts(revision, rules)),
  ) {
    this.revision = revision
    this.membership = membership
    this.rules = parts.rules
    this.limited = parts.limited
    this.#verdicts = parts.verdicts
    this.#plain = parts.plain
    this.#compiled = parts.compiled
    this.#nextExpiry = nextExpiryOf(parts.compiled)
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
      const { row, ports } = asSource[i]!
      if (!isAmong(ports, sourcePort)) continue
      for (let j = 0; j < asDestination.length; j++) {
        const place = asDestination[j]!
        const group = row.get(place.key)
        if (group === undefined || !isAmong(place.ports, destinationPort)) continue
        best = group.lookup(sourcePort, destinationPort, type, best)
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
    return this.#verdicts[position]!
  }

  /** True when the rule at a position accepts whatever it speaks of. */
  isPlain(position: number): boolean {
    return this.#plain[position] === 1
  }

  /** When the next rule or element of a set may expire, in milliseconds since the epoch. */
  get nextExpiry(): number {
    return Math.min(this.#nextExpiry, this.membership.nextExpiry)
  }

  /**
   * Takes out what has expired by now. It has to be called when `nextExpiry` has come.
   * @returns true when answers may be others than before, so that caches of them must be cleared.
   */
  expire(now: number): boolean {
    const hasMembers = this.membership.expire(now)
    if (now < this.#nextExpiry) return hasMembers
    for (const group of this.#compiled.temporary) group.expire(now)
    this.#nextExpiry = nextExpiryOf(this.#compiled)
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
    const { bySource, destinations } = this.#compiled
    const places = placesOf(subject, this.membership)
    return {
      version: this.membership.version,
      asSource: places.flatMap(place => {
        const row = bySource.get(place.key)
        return row === undefined ? [] : { ...place, row }
      }),
      asDestination: places.filter(({ key }) => destinations.has(key)),
    }
  }
}

/** What a table is made of. */
export interface TableParts {
  readonly rules: readonly Rule[]
  readonly limited: readonly Rule[]
  readonly verdicts: readonly Verdict[]
  /** 1 for rules that accept without any limit, by their positions. */
  readonly plain: Uint8Array
  readonly compiled: CompiledRules
}

/** Makes the parts of a table, a little with each step: every step takes about as long. */
export function* buildParts(
  revision: number,
  rules: readonly Rule[],
): Generator<undefined, TableParts> {
  const copy: Rule[] = []
  const limited: Rule[] = []
  const verdicts = [defaultVerdict(revision)]
  const plain = new Uint8Array(rules.length + 1)
  for (const rule of rules) {
    copy.push(rule)
    verdicts.push(verdictOf(rule, copy.length, revision))
    if (!hasLimits(rule)) plain[copy.length] = rule.action === 'accept' ? 1 : 0
    else if (lets(rule.action)) limited.push(rule)
    yield
  }
  return { rules: copy, limited, verdicts, plain, compiled: yield* compileRules(copy) }
}

function run<T>(steps: Generator<undefined, T>): T {
  let next = steps.next()
  while (!next.done) next = steps.next()
  return next.value
}

function nextExpiryOf({ temporary }: CompiledRules): number {
  return temporary.reduce((next, group) => Math.min(next, group.nextExpiry), Infinity)
}

function isAmong(ranges: readonly PortRange[] | undefined, port: number): boolean {
  if (ranges === undefined) return true
  for (let i = 0; i < ranges.length; i++) if (matchesPort(ranges[i]!, port)) return true
  return false
}
