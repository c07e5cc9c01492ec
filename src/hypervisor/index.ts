export { Hypervisor, type HypervisorOptions } from './hypervisor.js'
export { PolicyTable } from '../policy/policy-table.js'
export { parseRule } from '../policy/rule-text.js'
export { RING_FLAG } from '../abi/ring-flag.js'
export type { RingQuery, RingStatus } from './notify.js'
export type { Domain, DomainCounters } from './domain.js'
export type { FlowRecord, Party, SessionEvent, SessionSink } from './event.js'
export type {
  OpenOutcome,
  Refusal,
  RegisterOutcome,
  RunOutcome,
  SendOutcome,
  UnregisterOutcome,
} from './outcome.js'
export type { RuleCounter } from './policy-gate.js'
export type { RingRequest } from './ring-registry.js'
export type { Ring } from './ring.js'
export type { Run } from './run.js'
export type { EndRecord, Remote, SessionEnd } from './session-end.js'
export type { Session } from './session.js'
export type { Target } from './target.js'
export type { SendRefusal, Undelivered, UndeliveredCounts } from './undelivered.js'
