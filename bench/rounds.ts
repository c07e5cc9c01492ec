/** A window of a round: of the baseline, or of the other with this index. */
export type Turn = 'baseline' | number

/**
 * The order of windows in a round. The baseline comes first, last, and after every few others, so that
 * each of them has it close before and close behind: on a machine that is faster now and slower
 * then, what was measured side by side is what can be compared.
 * @param others how many there are besides the baseline.
 * @param between how many of them come between two windows of the baseline, from 1.
 * @param round turns the order of the others, so that none is always the first.
 */
export function roundOf(others: number, between: number, round: number): Turn[] {
  const turns: Turn[] = []
  for (let i = 0; i < others; i++) {
    if (i % between === 0) turns.push('baseline')
    turns.push((i + round) % others)
  }
  turns.push('baseline')
  return turns
}

/** The windows of the baseline next to a turn of another: the one before, and the one behind. */
export function neighboursOf(turns: readonly Turn[], at: number): [number, number] {
  return [turns.lastIndexOf('baseline', at), turns.indexOf('baseline', at)]
}

/** Whether what is measured in so many of the rounds has a window in this one; they are spread evenly. */
export function takesPart(repeats: number, rounds: number, round: number): boolean {
  const doneAfter = (count: number): number => Math.floor((count * repeats) / rounds)
  return doneAfter(round + 1) > doneAfter(round)
}
