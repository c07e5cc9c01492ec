import type { Static } from 'typebox'
import type { Plan, PolicyDiff } from '../control/policy/policy-plan.js'
import type * as ask from '../control/schemas/ask.js'
import type { AuditModeView } from '../control/schemas/audit-mode.js'
import type { AuditList, AuditVerdictView } from '../control/schemas/audit.js'
import type { DisconnectList } from '../control/schemas/disconnect.js'
import type * as domain from '../control/schemas/domain.js'
import type { FlowList, FlowView } from '../control/schemas/flow.js'
import type { Ready } from '../control/schemas/health.js'
import type { HistoryList, Suggestion } from '../control/schemas/history.js'
import type * as inquiry from '../control/schemas/inquiry.js'
import type * as policy from '../control/schemas/policy.js'
import type { RingList } from '../control/schemas/ring.js'
import type * as rule from '../control/schemas/rule.js'
import type { SessionList } from '../control/schemas/session.js'
import type { ElementChanged, SetList } from '../control/schemas/set.js'
import type { Stats } from '../control/schemas/stats.js'
import type * as token from '../control/schemas/token.js'

/** What REST answers to each of `endpoints`, as its schemas say. */
export interface Answers {
  readonly ready: Ready
  readonly whoami: Static<typeof token.WhoAmI>
  readonly stats: Stats
  readonly rings: Static<typeof RingList>
  readonly sessions: Static<typeof SessionList>
  readonly disconnects: Static<typeof DisconnectList>
  readonly flows: Static<typeof FlowList>
  readonly pastFlows: Static<typeof HistoryList>
  readonly decision: Static<typeof FlowView>
  readonly policy: Static<typeof policy.PolicyView>
  readonly applyPolicy: policy.PolicyApplied
  readonly planPolicy: Plan
  readonly confirmPolicy: Static<typeof policy.PolicyConfirmed>
  readonly rollBackPolicy: policy.PolicyApplied
  readonly revisions: Static<typeof policy.RevisionList>
  readonly revision: Static<typeof policy.PolicyView>
  readonly diff: PolicyDiff & { readonly from: number; readonly to: number }
  readonly policySchema: unknown
  readonly explain: Static<typeof inquiry.ExplanationView>
  readonly whoCan: Static<typeof inquiry.ReachView>
  readonly whatCan: Static<typeof inquiry.ReachView>
  readonly graph: Static<typeof inquiry.ReachView>
  readonly lint: Static<typeof inquiry.LintView>
  readonly suggest: Static<typeof Suggestion>
  readonly rules: rule.RuleList
  readonly rule: rule.RuleView
  readonly addRule: Static<typeof rule.RuleChanged>
  readonly changeRule: Static<typeof rule.RuleChanged>
  readonly removeRule: Static<typeof rule.RuleRemoved>
  readonly zeroRules: Static<typeof rule.RulesZeroed>
  readonly zeroRule: Static<typeof rule.RulesZeroed>
  readonly sets: Static<typeof SetList>
  readonly addElement: Static<typeof ElementChanged>
  readonly removeElement: Static<typeof ElementChanged>
  readonly asks: ask.AskList
  readonly grantAsk: Static<typeof ask.Granted>
  readonly denyAsk: Static<typeof ask.Denied>
  readonly revokeGrant: Static<typeof ask.Granted>
  readonly domains: Static<typeof domain.DomainList>
  readonly domain: domain.DomainView
  readonly addDomain: Static<typeof domain.DomainChanged>
  readonly changeDomain: Static<typeof domain.DomainChanged>
  readonly kickDomain: Static<typeof domain.DomainKicked>
  readonly removeDomain: Static<typeof domain.DomainChanged>
  readonly domainTokens: Static<typeof token.TokenList>
  readonly issueDomainToken: Static<typeof token.TokenIssued>
  readonly tokens: Static<typeof token.TokenList>
  readonly issueToken: Static<typeof token.TokenIssued>
  readonly rotateToken: Static<typeof token.TokenRotated>
  readonly revokeToken: Static<typeof token.TokenRevoked>
  readonly auditMode: AuditModeView
  readonly setAuditMode: AuditModeView
  readonly audit: Static<typeof AuditList>
  readonly verifyAudit: Static<typeof AuditVerdictView>
}
