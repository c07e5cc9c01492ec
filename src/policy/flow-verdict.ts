import { ACTIONS } from './rule.js'

/**
 * What became of datagrams: what a rule says; `audit` also where only audit mode let through what
 * policy refuses; `limit` where a rule lets them through but not so many, or none so large.
 */
export const FLOW_VERDICTS = [...ACTIONS, 'limit'] as const
export type FlowVerdict = (typeof FLOW_VERDICTS)[number]
