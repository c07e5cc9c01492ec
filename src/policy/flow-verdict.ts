import { ACTIONS } from './rule.js'

/**
 * What became of datagrams: what a rule says; `audit` also where only audit mode let through what
 * policy refuses; `limit` where a rule lets them through but not so many, or none so large; `error`
 * where a rule accepts them and they can't be delivered, because there is no such ring or no such
 * domain, or because they never fit into it.
 */
export const FLOW_VERDICTS = [...ACTIONS, 'limit', 'error'] as const
export type FlowVerdict = (typeof FLOW_VERDICTS)[number]
