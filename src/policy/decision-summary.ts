import type { LabelledPairs } from './change-list.js'
import type { DecisionChange, DecisionDiff } from './decision-diff.js'
import { STRANGER } from './parties.js'

/** What two policies decide differently, short enough to be sent and read. */
export interface DecisionSummary {
  /** Changes of each kind. */
  readonly admitted: number
  readonly refused: number
  readonly changed: number
  /** Pairs of domains that were not compared; 0 when the changes are all there are. */
  readonly pairsLeftOut: number
  readonly listed: readonly ListedChange[]
}

/** A change with some of those for whom it holds. */
export interface ListedChange extends DecisionChange {
  /** How many labels and exceptions there are. */
  readonly fromTotal: number
  readonly toTotal: number
  readonly exceptTotal: number
}

/** Of labels and of exceptions at most so many are named; all of them are counted. */
export const LABELS_LISTED_MAX = 50

/**
 * Counts changes, and lists some.
 * @param listedMax so many at most.
 */
export function summarize(
  { changes, pairsLeftOut }: DecisionDiff,
  listedMax: number,
): DecisionSummary {
  const count = (kind: DecisionChange['kind']): number =>
    changes.filter(change => change.kind === kind).length
  return {
    admitted: count('admitted'),
    refused: count('refused'),
    changed: count('changed'),
    pairsLeftOut,
    listed: changes.slice(0, listedMax).map(listed),
  }
}

function listed(change: DecisionChange): ListedChange {
  const { from, to, except = [] } = change
  return {
    ...change,
    ...cut({ from, to }),
    ...(except.length > 0 && { except: except.slice(0, LABELS_LISTED_MAX).map(cut) }),
    fromTotal: from.length,
    toTotal: to.length,
    exceptTotal: except.length,
  }
}

function cut({ from, to }: LabelledPairs): LabelledPairs {
  return { from: cutLabels(from), to: cutLabels(to) }
}

/** That it is about anybody else too says more than any name, so it is never cut off. */
function cutLabels(labels: readonly string[]): readonly string[] {
  if (labels.length <= LABELS_LISTED_MAX) return labels
  const first = labels.includes(STRANGER) ? [STRANGER] : []
  return [...first, ...labels.filter(label => label !== STRANGER)].slice(0, LABELS_LISTED_MAX)
}
