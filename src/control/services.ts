import { defaultLimits, type Limits } from '../abi/limits.js'
import type { Hypervisor } from '../hypervisor/hypervisor.js'
import type { Store } from '../store/store.js'
import type { Clock } from '../util/clock.js'
import type { AdminTokenFile } from './admin-token-file.js'
import { AskFeed } from './ask-feed.js'
import { DisconnectLog } from './disconnect-log.js'
import type { FlowLog } from './flow-log.js'
import type { BootedPolicy } from './policy/boot-policy.js'
import type { InquiryTasks } from './policy/inquiry-tasks.js'
import type { KnownDomain } from './policy/policy-messages.js'
import type { PolicyTasks } from './policy/policy-tasks.js'
import { PolicyThread } from './policy/policy-thread.js'
import { AuditService } from './services/audit.js'
import { AskService } from './services/asks.js'
import { AuditModeService } from './services/audit-mode.js'
import { Changes } from './services/changes.js'
import { DisconnectHistory } from './services/disconnect-history.js'
import { DomainService, type DomainHook } from './services/domains.js'
import type { FlowHistory } from './services/flow-history.js'
import { healthChecks, type Check } from './services/health.js'
import { InquiryService } from './services/inquiries.js'
import { LiveService, type ClientInfo } from './services/live.js'
import type { Log } from './services/log.js'
import { PolicyService } from './services/policy.js'
import { Presence } from './services/presence.js'
import { RevisionService } from './services/revisions.js'
import { RuleService } from './services/rules.js'
import { SetService } from './services/sets.js'
import { StateService } from './services/state.js'
import { Tally } from './services/tally.js'
import { TokenService, type EndSessions, type ExpireSessions } from './services/tokens.js'

/** What is asked of whoever holds the clients' connections. */
export interface Clients {
  sessions(): readonly ClientInfo[]
  endToken: EndSessions
  expireToken: ExpireSessions
}

export interface ServicesOptions {
  readonly store: Store
  /** Has the domains of the store, and the booted policy in force. */
  readonly hypervisor: Hypervisor
  readonly booted: BootedPolicy
  readonly limits: Pick<Limits, 'requestBytesMax' | 'policyBytesMax' | 'rulesMax'>
  readonly clock: Clock
  /** What the hypervisor's `onFlow` adds to. */
  readonly flowLog: FlowLog
  /** What is told of the ends of sessions; nothing is when left out. */
  readonly disconnects?: DisconnectLog | undefined
  /** What the hypervisor's `meter` counts, written down; nothing is when left out. */
  readonly history?: FlowHistory | undefined
  /** What the hypervisor's `onAsksChange` tells. */
  readonly askFeed?: AskFeed | undefined
  /** The clients; none in a hypervisor that is embedded without transports. */
  readonly hub?: Clients | undefined
  /** From which commands on this machine take the admin's token, if they do. */
  readonly adminTokenFile?: AdminTokenFile | undefined
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
  readonly revisions: RevisionService
  readonly inquiries: InquiryService
  readonly sets: SetService
  readonly tally: Tally
  readonly live: LiveService
  readonly presence: Presence
  readonly flows: FlowLog
  readonly disconnects: DisconnectLog
  readonly disconnectHistory: DisconnectHistory
  readonly history: FlowHistory | undefined
  readonly asks: AskService
  readonly askFeed: AskFeed
  readonly auditMode: AuditModeService
  readonly limits: ServicesOptions['limits']
  /** The revision of the policy in force. */
  readonly revision: () => number
  /** Whether threads of the daemon work on policies. */
  readonly isWorking: () => boolean
  /** Waits until every change is on the disk. */
  readonly synced: () => Promise<void>
  readonly audit: AuditService
  readonly state: StateService
  /** Whether all is as it should be. */
  readonly health: () => readonly Check[]
  /** Ends what was begun; nothing can be asked for any more. */
  readonly close: () => Promise<void>
}

/** Makes the services over a store and a hypervisor that agree with each other. */
export function createServices(options: ServicesOptions): Services {
  const { store, hypervisor, booted, clock, limits, flowLog, history, hub, log } = options
  const tally = new Tally(store, hypervisor, log)
  const changes = new Changes(store)
  const disconnects = options.disconnects ?? new DisconnectLog(defaultLimits, clock)
  const presence = new Presence(store, hypervisor, clock, log)
  const sets = new SetService(store, hypervisor, clock, changes, booted.policy, log)
  const domains = (): Iterable<KnownDomain> => knownDomains(hypervisor)
  const thread = new PolicyThread<PolicyTasks>(
    () => ({
      kind: 'changes',
      inForce: store.policies.get(hypervisor.policy.revision),
      revision: hypervisor.policy.revision,
      lastRuleNumber: store.policies.lastRuleNumber(),
      rulesMax: limits.rulesMax,
    }),
    domains,
  )
  const asking = new PolicyThread<InquiryTasks>(
    () => ({ kind: 'inquiries', rulesMax: limits.rulesMax }),
    domains,
  )
  const revisions = new RevisionService(store.policies, hypervisor, thread)
  const policy = new PolicyService(store, hypervisor, clock, thread, revisions, tally, sets, log)
  const state = new StateService(store, changes)
  const endSessions: EndSessions = (...token) => hub?.endToken(...token)
  const expireSessions: ExpireSessions = (...token) => hub?.expireToken(...token)
  return {
    domains: new DomainService(store, hypervisor, changes, presence, {
      ...options,
      onDomainChanged: name => {
        const domain = knownDomain(hypervisor, name)
        thread.noteDomain(name, domain)
        asking.noteDomain(name, domain)
      },
    }),
    tokens: new TokenService(
      store,
      clock,
      changes,
      endSessions,
      expireSessions,
      options.adminTokenFile,
      log,
    ),
    policy,
    revisions,
    inquiries: new InquiryService(
      {
        hypervisor,
        clock,
        flowLog,
        history,
        bodyOf: revision => revisions.bodyOf(revision),
        live: () => sets.live(),
      },
      asking,
    ),
    rules: new RuleService(hypervisor, policy, revisions, tally, changes, clock),
    sets,
    tally,
    presence,
    live: new LiveService(hypervisor, store, tally, clock, () => hub?.sessions() ?? []),
    flows: flowLog,
    disconnects,
    disconnectHistory: new DisconnectHistory(disconnects, store.disconnects, clock, log),
    history,
    asks: new AskService(store, hypervisor, changes),
    askFeed: options.askFeed ?? new AskFeed(),
    auditMode: new AuditModeService(store, hypervisor, changes),
    limits,
    revision: () => hypervisor.policy.revision,
    isWorking: () => thread.isBusy || asking.isBusy,
    synced: () => store.synced(),
    audit: new AuditService(store.audit),
    state,
    health: () => {
      const isBooted = hypervisor.policy.revision === booted.revision
      const problem = policy.problem() ?? (isBooted ? booted.problem : undefined)
      return healthChecks(store, hypervisor, problem)
    },
    close: async () => {
      sets.close()
      await state.close()
      await asking.close()
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
