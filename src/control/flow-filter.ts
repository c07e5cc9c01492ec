import type { FlowRecord } from '../hypervisor/event.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import { DEFAULT_ID } from '../policy/rule.js'

/** Which records are wanted; what is left out does not matter. */
export interface FlowFilter {
  readonly verdict?: FlowVerdict | undefined
  /** Names of domains. */
  readonly source?: string | undefined
  readonly destination?: string | undefined
  /** The id of a rule, or DEFAULT_ID for what none spoke of. */
  readonly rule?: string | undefined
}

/** True for a record that the filter wants. */
export function isWanted(record: FlowRecord, filter: FlowFilter): boolean {
  const { verdict, source, destination, rule } = filter
  return (
    (verdict ?? record.effect) === record.effect &&
    (source ?? record.source.domain) === record.source.domain &&
    (destination ?? record.destination.domain) === record.destination.domain &&
    (rule === undefined || rule === (record.verdict.rule?.id ?? DEFAULT_ID))
  )
}
