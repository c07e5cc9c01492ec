import type { Limits } from '../abi/limits.js'
import type { Hypervisor } from '../hypervisor/hypervisor.js'
import type { Store } from '../store/store.js'
import type { Clock } from '../util/clock.js'
import type { FlowLog } from './flow-log.js'
import type { AuditView } from './schemas/audit.js'
import { auditView } from './services/audit.js'
import { Changes } from './services/changes.js'
import { CounterService } from './services/counters.js'
import { DomainService, type DomainHook } from './services/domains.js'
import { healthChecks, type Check } from './services/health.js'
import { LiveService, type ClientInfo } from './services/live.js'
import type { Log } from './services/log.js'
import { RuleService } from './services/rules.js'
import { TokenService, type EndSessions } from './services/tokens.js'
import { VerdictTotals } from './services/verdict-totals.js'

/** What is asked of whoever holds the clients' connections. */
export interface Clients {
  sessions(): readonly ClientInfo[]
  endToken: EndSessions
}

export interface ServicesOptions {
  readonly store: Store
  /** Has the domains of the store, and its rules in force. */
  readonly hypervisor: Hypervisor
  readonly limits: Pick<Limits, 'requestBytesMax'>
  readonly clock: Clock
  /** What the hypervisor's `onFlow` adds to. */
  readonly flowLog: FlowLog
  /** The clients; none in a hypervisor that is embedded without transports. */
  readonly hub?: Clients | undefined
  readonly log?: Log | undefined
  /** Called once the hypervisor has the domain; the answer to the admin waits for it. */
  readonly onDomainAdded?: DomainHook | undefined
  /** Called once the hypervisor has forgotten the domain. */
  readonly onDomainRemoved?: DomainHook | undefined
}

/** What admins can do, as plain functions: the REST routes are one way to call them. */
export interface Services {
  readonly domains: DomainService
  readonly tokens: TokenService
  readonly rules: RuleService
  readonly counters: CounterService
  readonly live: LiveService
  readonly flows: FlowLog
  readonly limits: ServicesOptions['limits']
  /** The revision of the policy in force. */
  readonly revision: () => number
  /** Audit records from the newest back. */
  readonly audit: (limit: number, before?: number) => AuditView[]
  /** Whether all is as it should be. */
  readonly health: () => readonly Check[]
}

/** Makes the services over a store and a hypervisor that agree with each other. */
export function createServices(options: ServicesOptions): Services {
  const { store, hypervisor, clock, limits, flowLog, hub, log } = options
  const totals = new VerdictTotals(hypervisor)
  const changes = new Changes(store, hypervisor, totals)
  const endSessions: EndSessions = (...token) => hub?.endToken(...token)
  return {
    domains: new DomainService(store, hypervisor, changes, options),
    tokens: new TokenService(store, clock, changes, endSessions, log),
    rules: new RuleService(store, hypervisor, changes),
    counters: new CounterService(store, hypervisor, log),
    live: new LiveService(hypervisor, totals, clock, () => hub?.sessions() ?? []),
    flows: flowLog,
    limits,
    revision: () => hypervisor.policy.revision,
    audit: (limit, before) => store.audit.list(limit, before).map(auditView),
    health: () => healthChecks(store, hypervisor),
  }
}
