/**
 * Every refusal and every first datagram of a flow has a number, which finds it in the daemon's
 * flow log. People see it as `d-` and the number in hexadecimal.
 */
const decisionIdPattern = /^d-(?:0|[1-9a-f][0-9a-f]{0,13})$/

/** Writes a decision's number, an integer of 0..2^53-1, as `d-1f`. */
export function formatDecisionId(decisionId: number): string {
  return `d-${decisionId.toString(16)}`
}

/**
 * Reads what `formatDecisionId` writes.
 * @returns the number, or undefined when the text is not a decision's.
 */
export function parseDecisionId(text: string): number | undefined {
  if (!decisionIdPattern.test(text)) return undefined
  const decisionId = Number.parseInt(text.slice(2), 16)
  return Number.isSafeInteger(decisionId) ? decisionId : undefined
}
