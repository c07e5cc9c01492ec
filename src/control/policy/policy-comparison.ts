import { diffParts, type PartChange } from '../../policy/part-change.js'
import type { Policy } from '../../policy/policy.js'
import { nameOf, threeWay, type Conflict } from '../../policy/three-way.js'
import { cutText } from '../../store/limits.js'

/** Of each list in a comparison at most so many are named; all of them are counted. */
export const COMPARED_MAX = 100
/** What a part says, in UTF-16 units. */
const TEXT_CHARS_MAX = 500

/** Who made a revision, when, and why. */
export interface LaterRevision {
  readonly revision: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly author: string
  readonly reason: string
}

/** Things of which all are counted and some are listed. */
export interface Listed<T> {
  readonly total: number
  readonly listed: readonly T[]
}

/** What others changed of a part, and in which revision last, where that is known. */
export type LaterChange = PartChange & { readonly revision?: number }

/** A change of the policy beside those that others made since the revision it was made for. */
export interface Comparison {
  /** The revision that the change was made for, and the one in force. */
  readonly base: number
  readonly current: number
  /** The revisions since, the newest first; the oldest may be left out. */
  readonly revisions: readonly LaterRevision[]
  /** What others changed since; null when the base is not kept. */
  readonly theirs: Listed<LaterChange> | null
  /**
   * What the change does to the base; to the policy in force when the base is not kept. Null when
   * it can't be made.
   */
  readonly yours: Listed<PartChange> | null
  /** Null when one of them is. */
  readonly conflicts: Listed<Conflict> | null
  /** True when both can be had together. */
  readonly isClean: boolean
  /** Why it is not compared three ways. */
  readonly problem: string | null
}

/** What is compared with what; policies that can't be had come with why. */
export interface Compared {
  readonly base: number
  readonly current: number
  readonly revisions: readonly LaterRevision[]
  /** What revisions since the base said that are still to be had, in rising order. */
  readonly between: readonly { readonly revision: number; readonly policy: Policy }[]
  readonly before: Policy | string
  readonly inForce: Policy
  readonly after: Policy | string
}

/** Says what others changed since a change was made, what it changes, and whether that fits. */
export function comparisonOf(compared: Compared): Comparison {
  const { base, current, revisions, before, inForce, after } = compared
  const about = { base, current, revisions }
  if (typeof before === 'string') {
    const yours = typeof after === 'string' ? null : listed(diffParts(inForce, after), shortened)
    return { ...about, theirs: null, yours, conflicts: null, isClean: false, problem: before }
  }
  const later = attribution(compared, before)
  if (typeof after === 'string') {
    const theirs = listed(diffParts(before, inForce), later)
    return { ...about, theirs, yours: null, conflicts: null, isClean: false, problem: after }
  }
  const { theirs, yours, conflicts } = threeWay(before, inForce, after)
  return {
    ...about,
    theirs: listed(theirs, later),
    yours: listed(yours, shortened),
    conflicts: listed(conflicts, conflict => shortConflict(conflict, later)),
    isClean: conflicts.length === 0,
    problem: null,
  }
}

/** Says of a change of others in which revision it was made last. */
function attribution(
  { between, current, inForce }: Compared,
  before: Policy,
): (change: PartChange) => LaterChange {
  const revisionOf = new Map<string, number>()
  let old = before
  for (const { revision, policy } of [...between, { revision: current, policy: inForce }]) {
    for (const { part, id } of diffParts(old, policy)) revisionOf.set(nameOf(part, id), revision)
    old = policy
  }
  return change => {
    const revision = revisionOf.get(nameOf(change.part, change.id))
    return { ...shortened(change), ...(revision !== undefined && { revision }) }
  }
}

function listed<T, U>(all: readonly T[], show: (each: T) => U): Listed<U> {
  return { total: all.length, listed: all.slice(0, COMPARED_MAX).map(show) }
}

function shortConflict(conflict: Conflict, later: (change: PartChange) => LaterChange): Conflict {
  if (conflict.part === 'order') {
    const cut = (ids: readonly string[]): string[] => ids.slice(0, COMPARED_MAX)
    return { part: 'order', theirs: cut(conflict.theirs), yours: cut(conflict.yours) }
  }
  const { theirs, yours } = conflict
  return { ...conflict, theirs: theirs.map(later), yours: yours.map(shortened) }
}

/** A set may have more elements than anybody would want to read. */
function shortened<T extends PartChange>(change: T): T {
  return {
    ...change,
    ...('before' in change && { before: cutText(change.before, TEXT_CHARS_MAX) }),
    ...('after' in change && { after: cutText(change.after, TEXT_CHARS_MAX) }),
  }
}
