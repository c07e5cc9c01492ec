import type { Limits } from '../abi/limits.js'
import type { Hypervisor } from '../hypervisor/hypervisor.js'
import type { Store } from '../store/store.js'
import type { Clock } from '../util/clock.js'
import type { FlowLog } from './flow-log.js'
import type { BootedPolicy } from './policy/boot-policy.js'
import type { KnownDomain } from './policy/policy-tasks.js'
import { PolicyThread } from './policy/policy-thread.js'
import type { AuditView } from './schemas/audit.js'
import { auditView } from './services/audit.js'
import { Changes } from './services/changes.js'
import { DomainService, type DomainHook } from './services/domains.js'
import { healthChecks, type Check } from './services/health.js'
import { LiveService, type ClientInfo } from './services/live.js'
import type { Log } from './services/log.js'
import { PolicyService } from './services/policy.js'
import { RuleService } from './services/rules.js'
import { SetService } from './services/sets.js'
import { Tally } from './services/tally.js'
import { TokenService, type EndSessions } from './services/tokens.js'

/** What is asked of whoever holds the clients' connections. */
export interface Clients {
  sessions(): readonly ClientInfo[]
  endToken: EndSessions
}

export interface ServicesOptions {
  readonly store: Store
  /** Has the domains of the store, and the booted policy in force. */
  readonly hypervisor: Hypervisor
  readonly booted: BootedPolicy
  readonly limits: Pick<Limits, 'requestBytesMax' | 'rulesMax'>
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
  readonly policy: PolicyService
  readonly sets: SetService
  readonly tally: Tally
  readonly live: LiveService
  readonly flows: FlowLog
  readonly limits: ServicesOptions['limits']
  /** The revision of the policy in force. */
  readonly revision: () => number
  /** Audit records from the newest back. */
  readonly audit: (limit: number, before?: number) => AuditView[]
  /** Whether all is as it should be. */
  readonly health: () => readonly Check[]
  /** Ends what was begun; nothing can be asked for any more. */
  readonly close: () => Promise<void>
}

/** Makes the services over a store and a hypervisor that agree with each other. */
export function createServices(options: ServicesOptions): Services {
  const { store, hypervisor, booted, clock, limits, flowLog, hub, log } = options
  const tally = new Tally(store, hypervisor, log)
  const changes = new Changes(store)
  const sets = new SetService(store, hypervisor, clock, changes, booted.policy, log)
  const thread = new PolicyThread(
    () => ({
      inForce: store.policies.get(hypervisor.policy.revision),
      revision: hypervisor.policy.revision,
      lastRuleNumber: store.policies.lastRuleNumber(),
      rulesMax: limits.rulesMax,
    }),
    () => knownDomains(hypervisor),
  )
  const policy = new PolicyService(store, hypervisor, clock, thread, tally, sets, log)
  const endSessions: EndSessions = (...token) => hub?.endToken(...token)
  return {
    domains: new DomainService(store, hypervisor, changes, {
      ...options,
      onDomainChanged: name => thread.noteDomain(name, knownDomain(hypervisor, name)),
    }),
    tokens: new TokenService(store, clock, changes, endSessions, log),
    policy,
    rules: new RuleService(hypervisor, policy),
    sets,
    tally,
    live: new LiveService(hypervisor, store, tally, clock, () => hub?.sessions() ?? []),
    flows: flowLog,
    limits,
    revision: () => hypervisor.policy.revision,
    audit: (limit, before) => store.audit.list(limit, before).map(auditView),
    health: () => healthChecks(store, hypervisor, booted),
    close: async () => {
      sets.close()
      await policy.close()
    },
  }
}

function knownDomain(hypervisor: Hypervisor, name: string): KnownDomain | undefined {
  const domain = hypervisor.domainNamed(name)
  return domain && { name, id: domain.id, tags: domain.subject.tags }
}

function* knownDomains(hypervisor: Hypervisor): Generator<KnownDomain> {
  for (const { name, id, subject } of hypervisor.domains()) yield { name, id, tags: subject.tags }
}
