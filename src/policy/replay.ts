import { PORT_EPHEMERAL_MAX, PORT_EPHEMERAL_MIN, type MessageType } from '../abi/addr.js'
import type { PolicyTable } from './policy-table.js'
import { DEFAULT_ID } from './rule.js'
import { FlowSums } from './flow-sums.js'
import type { FlowVerdict } from './flow-verdict.js'
import { isFolded, standingOf, type SeenFlow, type Standing } from './seen-flow.js'
import type { PortRange } from './selector.js'
import type { Subject } from './subject.js'
import type { Verdict } from './verdict.js'

/** What decided a flow, or would. */
export interface ReplayedVerdict {
  readonly verdict: FlowVerdict
  /** A rule's id, or DEFAULT_ID. */
  readonly rule: string
}

/** A flow that was seen, and that the candidate treats otherwise. */
export interface ReplayedFlow {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly type: MessageType
  readonly before: ReplayedVerdict
  readonly after: ReplayedVerdict
  readonly datagrams: number
  readonly bytes: number
  readonly firstAt: number
  readonly lastAt: number
}

/** Flows of one kind: all of them counted, and the first REPLAYED_MAX listed. */
export interface ReplayedFlows {
  readonly flows: number
  readonly datagrams: number
  readonly listed: readonly ReplayedFlow[]
}

export interface ReplayResult {
  /** Flows and datagrams that were decided again. */
  readonly flows: number
  readonly datagrams: number
  readonly newlyRefused: ReplayedFlows
  readonly newlyAdmitted: ReplayedFlows
  readonly newlyAsked: ReplayedFlows
  /**
   * Flows from or to ports that a daemon picks, of which the candidate, or what it is compared
   * with, treats some otherwise than others; which of them they were is not known.
   */
  readonly uncertain: ReplayedFlows
}

/** Flows of one kind that are listed. */
export const REPLAYED_MAX = 10_000
/** Ranges into which rules may divide the ports that a daemon picks; beyond, flows are uncertain. */
const RANGES_MAX = 64

/** A flow's answer by one table. */
interface Answer extends ReplayedVerdict {
  readonly standing: Standing
  readonly isCertain: boolean
}

/** Flows of a list, each with what decided it last and what would. */
interface Draft {
  datagrams: number
  readonly flows: FlowSums
  readonly before: ReplayedVerdict[]
  readonly after: ReplayedVerdict[]
}

/**
 * Decides flows that were seen again, by the tables that enforce. Rates and sizes are no part of
 * it: a flow that is let through counts as admitted, however little of it.
 */
export class Replay {
  readonly #after: Decider
  readonly #before: Decider | undefined
  readonly #drafts = {
    newlyRefused: draft(),
    newlyAdmitted: draft(),
    newlyAsked: draft(),
    uncertain: draft(),
  }
  #flows = 0
  #datagrams = 0

  /**
   * @param candidate from which what has expired was taken out.
   * @param before what the candidate is compared with; without it, what was done then.
   * @param subjectOf a domain as it is now; the same object each time for the same name.
   */
  constructor(
    candidate: PolicyTable,
    before: PolicyTable | undefined,
    subjectOf: (name: string) => Subject,
  ) {
    this.#after = new Decider(candidate, subjectOf)
    this.#before = before && new Decider(before, subjectOf)
  }

  /** Decides one flow. What its limits refused is left out: it was seen otherwise, too. */
  add(flow: SeenFlow): void {
    const then = standingOf(flow.effect)
    if (then === undefined) return
    this.#flows++
    this.#datagrams += flow.datagrams
    const after = this.#after.decide(flow)
    const before = this.#before?.decide(flow) ?? {
      verdict: flow.effect,
      rule: flow.rule,
      standing: then,
      isCertain: true,
    }
    if (!after.isCertain || !before.isCertain) note(this.#drafts.uncertain, flow, before, after)
    else if (after.standing !== before.standing) note(this.#listOf(after), flow, before, after)
  }

  /** What came of it so far. */
  result(): ReplayResult {
    const { newlyRefused, newlyAdmitted, newlyAsked, uncertain } = this.#drafts
    return {
      flows: this.#flows,
      datagrams: this.#datagrams,
      newlyRefused: listed(newlyRefused),
      newlyAdmitted: listed(newlyAdmitted),
      newlyAsked: listed(newlyAsked),
      uncertain: listed(uncertain),
    }
  }

  #listOf({ standing }: Answer): Draft {
    switch (standing) {
      case 'admitted':
        return this.#drafts.newlyAdmitted
      case 'asked':
        return this.#drafts.newlyAsked
      case 'refused':
        return this.#drafts.newlyRefused
    }
  }
}

/** Answers of one table about flows whose ports may be folded. */
class Decider {
  readonly #table: PolicyTable
  readonly #subjectOf: (name: string) => Subject
  /** One port of each range into which the rules divide those that a daemon picks. */
  readonly #pickedPorts: readonly number[]
  readonly #isTooFine: boolean
  /** The answers to all flows, by the verdict's position: there may be a million flows. */
  readonly #answers: Answer[] = []

  constructor(table: PolicyTable, subjectOf: (name: string) => Subject) {
    this.#table = table
    this.#subjectOf = subjectOf
    const starts = startsOfRanges(table)
    this.#isTooFine = starts.length > RANGES_MAX
    this.#pickedPorts = starts.slice(0, RANGES_MAX)
  }

  decide(flow: SeenFlow): Answer {
    const { sourcePort, destinationPort, type } = flow
    const source = this.#subjectOf(flow.source)
    const destination = this.#subjectOf(flow.destination)
    const first = this.#table.decide(source, sourcePort, destination, destinationPort, type)
    const answer = this.#answerOf(first)
    if (!isFolded(sourcePort) && !isFolded(destinationPort)) return answer
    if (this.#isTooFine) return { ...answer, isCertain: false }
    if (this.#pickedPorts.length === 1) return answer
    const froms = isFolded(sourcePort) ? this.#pickedPorts : [sourcePort]
    const tos = isFolded(destinationPort) ? this.#pickedPorts : [destinationPort]
    for (const from of froms) {
      for (const to of tos) {
        const verdict = this.#table.decide(source, from, destination, to, type)
        if (standingOf(verdict.action) !== answer.standing) return { ...answer, isCertain: false }
      }
    }
    return answer
  }

  #answerOf({ position, action, rule }: Verdict): Answer {
    let answer = this.#answers[position]
    if (answer === undefined) {
      const standing = standingOf(action)!
      answer = { verdict: action, rule: rule?.id ?? DEFAULT_ID, standing, isCertain: true }
      this.#answers[position] = answer
    }
    return answer
  }
}

/** Where in the ports that a daemon picks something else may hold than before: the first included. */
function startsOfRanges({ rules, membership }: PolicyTable): number[] {
  const starts = new Set([PORT_EPHEMERAL_MIN])
  const add = ({ min, max }: PortRange): void => {
    for (const port of [min, max + 1]) {
      if (PORT_EPHEMERAL_MIN < port && port <= PORT_EPHEMERAL_MAX) starts.add(port)
    }
  }
  for (const { source, destination } of rules) {
    add(source.ports)
    add(destination.ports)
  }
  for (const { elements } of membership.sets) for (const { ports } of elements) add(ports)
  return [...starts]
}

function draft(): Draft {
  return { datagrams: 0, flows: new FlowSums(), before: [], after: [] }
}

/** Adds to a list; what was seen of a flow at other times, or by other rules, is one with it. */
function note(to: Draft, flow: SeenFlow, before: ReplayedVerdict, after: ReplayedVerdict): void {
  to.datagrams += flow.datagrams
  const index = to.flows.add(flow)
  if (to.before[index] === undefined) to.after[index] = after
  // As it was last: its sums have the last time by now, this one's or a later one.
  if (flow.lastAt >= to.flows.lastAt(index)) to.before[index] = before
}

/** The list, the flow with most datagrams first. */
function listed({ datagrams, flows, before, after }: Draft): ReplayedFlows {
  const shown = flows.largest(REPLAYED_MAX).map(index => ({
    ...flows.at(index),
    before: verdictOnly(before[index]!),
    after: verdictOnly(after[index]!),
  }))
  return { flows: flows.length, datagrams, listed: shown }
}

function verdictOnly({ verdict, rule }: ReplayedVerdict): ReplayedVerdict {
  return { verdict, rule }
}
