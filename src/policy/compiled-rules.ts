import type { MessageType } from '../abi/addr.js'
import { placeOf } from './places.js'
import { buildPortIndex, fewPorts, type PortIndex, type PortRectangle } from './port-index.js'
import type { Rule, RuleType } from './rule.js'
import { isExpired, matchesPort, type Selector } from './selector.js'

/** A rule that is not for good: no index, so that it can be taken out again. */
interface Temporary extends PortRectangle {
  readonly type: RuleType
  readonly expires: number
}

/** The rules whose sides mean the same domains on a way from one to the other. */
export class RuleGroup {
  readonly #any: PortIndex
  readonly #dgram: PortIndex
  readonly #stream: PortIndex
  /** In rising order of position. */
  #temporary: readonly Temporary[]

  private constructor(
    any: PortIndex,
    dgram: PortIndex,
    stream: PortIndex,
    temporary: readonly Temporary[],
  ) {
    this.#any = any
    this.#dgram = dgram
    this.#stream = stream
    this.#temporary = temporary
  }

  /** Makes a group of a few rules, which takes no steps; undefined for more. */
  static ofFew({ any, dgram, stream, temporary }: Draft): RuleGroup | undefined {
    const anyIndex = fewPorts(any)
    const dgramIndex = fewPorts(dgram)
    const streamIndex = fewPorts(stream)
    if (anyIndex === undefined || dgramIndex === undefined || streamIndex === undefined) {
      return undefined
    }
    return new RuleGroup(anyIndex, dgramIndex, streamIndex, temporary)
  }

  /** Makes a group, a little with each step. */
  static *build({ any, dgram, stream, temporary }: Draft): Generator<undefined, RuleGroup> {
    const anyIndex = yield* buildPortIndex(any)
    const dgramIndex = yield* buildPortIndex(dgram)
    const streamIndex = yield* buildPortIndex(stream)
    return new RuleGroup(anyIndex, dgramIndex, streamIndex, temporary)
  }

  /** The smallest position below `bound` of a rule that matches, else `bound`. */
  lookup(sourcePort: number, destinationPort: number, type: MessageType, bound: number): number {
    let best = this.#any.lookup(sourcePort, destinationPort, bound)
    const typed = type === 'dgram' ? this.#dgram : this.#stream
    best = typed.lookup(sourcePort, destinationPort, best)
    for (let i = 0; i < this.#temporary.length; i++) {
      const rule = this.#temporary[i]!
      if (rule.position >= best) break
      if (rule.type !== 'any' && rule.type !== type) continue
      if (!matchesPort(rule.source, sourcePort)) continue
      if (matchesPort(rule.destination, destinationPort)) return rule.position
    }
    return best
  }

  /** When the next of its rules expires. */
  get nextExpiry(): number {
    return this.#temporary.reduce((next, { expires }) => Math.min(next, expires), Infinity)
  }

  /** Takes out what has expired. */
  expire(now: number): void {
    this.#temporary = this.#temporary.filter(rule => !isExpired(rule, now))
  }
}

/** The rules of a group to be: those for good by type of message, and the others. */
interface Draft extends Record<RuleType, PortRectangle[]> {
  temporary: Temporary[]
}

/** Stands for a list that nothing has been put into yet: most groups need one list only. */
const NONE: never[] = []

/** Rules filed under whom they mean as source, then under whom they mean as destination. */
export interface CompiledRules {
  readonly bySource: ReadonlyMap<string, ReadonlyMap<string, RuleGroup>>
  /** Whom any rule means as destination. */
  readonly destinations: ReadonlySet<string>
  /** Groups with rules that are not for good. */
  readonly temporary: readonly RuleGroup[]
}

/** Compiles rules, a little with each step: every step takes about as long. */
export function* compileRules(rules: readonly Rule[]): Generator<undefined, CompiledRules> {
  const drafts = new Map<string, Map<string, Draft>>()
  let position = 0
  for (const rule of rules) {
    position++
    file(drafts, rule, rule.source, rule.destination, position)
    if (rule.replies) file(drafts, rule, rule.destination, rule.source, position)
    yield
  }
  const bySource = new Map<string, Map<string, RuleGroup>>()
  const destinations = new Set<string>()
  const temporary: RuleGroup[] = []
  for (const [source, draftRow] of drafts) {
    const row = new Map<string, RuleGroup>()
    bySource.set(source, row)
    for (const [destination, draft] of draftRow) {
      const group = RuleGroup.ofFew(draft) ?? (yield* RuleGroup.build(draft))
      row.set(destination, group)
      destinations.add(destination)
      if (draft.temporary.length > 0) temporary.push(group)
      yield
    }
  }
  return { bySource, destinations, temporary }
}

function file(
  drafts: Map<string, Map<string, Draft>>,
  rule: Rule,
  source: Selector,
  destination: Selector,
  position: number,
): void {
  const sourcePlace = placeOf(source)
  const destinationPlace = placeOf(destination)
  let row = drafts.get(sourcePlace)
  if (row === undefined) drafts.set(sourcePlace, (row = new Map<string, Draft>()))
  let draft = row.get(destinationPlace)
  if (draft === undefined) {
    draft = { any: NONE, dgram: NONE, stream: NONE, temporary: NONE }
    row.set(destinationPlace, draft)
  }
  const { type, expires } = rule
  const rectangle = { source: source.ports, destination: destination.ports, position }
  if (expires === undefined) draft[type] = added(draft[type], rectangle)
  else draft.temporary = added(draft.temporary, { ...rectangle, type, expires })
}

function added<T>(list: T[], item: T): T[] {
  if (list === NONE) return [item]
  list.push(item)
  return list
}
