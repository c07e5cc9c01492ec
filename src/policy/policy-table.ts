import type { MessageType } from '../abi/addr.js'
import { portIndex, type PortIndex, type PortRectangle } from './port-index.js'
import type { Rule, RuleType } from './rule.js'
import { SelectorMap } from './selector-map.js'
import type { Selector } from './selector.js'
import type { Subject } from './subject.js'
import { defaultVerdict, verdictOf, type Verdict } from './verdict.js'

/**
 * One revision of the policy, compiled: the answers of `evaluate` at a cost that does not depend
 * on the number of rules. Rules are filed under whom they mean as source, then under whom they
 * mean as destination, then by message type; a decision asks the few places where rules about
 * these two domains can be and takes the smallest position. It can't be changed: an edit of the
 * policy makes a new table.
 */
export class PolicyTable {
  readonly revision: number
  readonly rules: readonly Rule[]
  /** One for each rule, made here so that deciding allocates nothing; the default's is at 0. */
  readonly #verdicts: readonly Verdict[]
  readonly #bySource: SelectorMap<SelectorMap<Group>>

  /** @param rules in the order in which they are asked. */
  constructor(revision: number, rules: readonly Rule[]) {
    this.revision = revision
    this.rules = [...rules]
    this.#verdicts = [
      defaultVerdict(revision),
      ...this.rules.map((rule, index) => verdictOf(rule, index + 1, revision)),
    ]
    const bySource = new SelectorMap<SelectorMap<Rectangles>>()
    for (const [index, rule] of this.rules.entries()) {
      const { source, destination, type } = rule
      file(bySource, source, destination, type, index + 1)
      if (rule.replies) file(bySource, destination, source, type, index + 1)
    }
    this.#bySource = bySource.map(row => row.map(rectangles => new Group(rectangles)))
  }

  /** The answer to one datagram; the same object each time the same rule decides. */
  decide(
    source: Subject,
    sourcePort: number,
    destination: Subject,
    destinationPort: number,
    type: MessageType,
  ): Verdict {
    const sourcePlaces = SelectorMap.places(source)
    const destinationPlaces = SelectorMap.places(destination)
    const none = this.#verdicts.length
    let best = none
    for (let i = 0; i < sourcePlaces; i++) {
      const row = this.#bySource.at(source, i)
      if (row === undefined) continue
      for (let j = 0; j < destinationPlaces; j++) {
        const group = row.at(destination, j)
        if (group !== undefined) best = group.lookup(sourcePort, destinationPort, type, best)
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
}

/** The rules about one pair of selectors: of any type, and of each one. */
type Rectangles = Record<RuleType, PortRectangle[]>

function file(
  bySource: SelectorMap<SelectorMap<Rectangles>>,
  source: Selector,
  destination: Selector,
  type: RuleType,
  position: number,
): void {
  const row = bySource.getOrMake(source, () => new SelectorMap<Rectangles>())
  const rectangles = row.getOrMake(destination, () => ({ any: [], dgram: [], stream: [] }))
  rectangles[type].push({ source: source.ports, destination: destination.ports, position })
}

class Group {
  readonly #any: PortIndex
  readonly #dgram: PortIndex
  readonly #stream: PortIndex

  constructor(rectangles: Rectangles) {
    this.#any = portIndex(rectangles.any)
    this.#dgram = portIndex(rectangles.dgram)
    this.#stream = portIndex(rectangles.stream)
  }

  /** The smallest position below `bound` of a rule that matches, else `bound`. */
  lookup(sourcePort: number, destinationPort: number, type: MessageType, bound: number): number {
    const best = this.#any.lookup(sourcePort, destinationPort, bound)
    const typed = type === 'dgram' ? this.#dgram : this.#stream
    return typed.lookup(sourcePort, destinationPort, best)
  }
}
