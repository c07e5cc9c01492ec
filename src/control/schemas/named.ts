import type { TSchema } from 'typebox'
import { AskView, GrantView } from './ask.js'
import { AuditModeView } from './audit-mode.js'
import { AuditView } from './audit.js'
import { DomainCounts, DomainView } from './domain.js'
import { ErrorBody } from './error.js'
import { FlowView } from './flow.js'
import { Ready } from './health.js'
import { SeenFlowView, Suggestion } from './history.js'
import { DiffView, ExplanationView, LintView, PlanView, ReachView } from './inquiry.js'
import { PolicyApplied, PolicyRequest, PolicyView, RevisionView } from './policy.js'
import { RingView } from './ring.js'
import { DefaultView, RuleAdd, RuleDocument, RulePatch, RuleView } from './rule.js'
import { SessionView } from './session.js'
import { SetView } from './set.js'
import { Stats } from './stats.js'
import { TokenView } from './token.js'

/**
 * What the description of the API states once and refers to by name, so that a client generated
 * from it has these as types.
 */
export const namedSchemas: Readonly<Record<string, TSchema>> = {
  Ask: AskView,
  AuditMode: AuditModeView,
  AuditRecord: AuditView,
  DefaultRule: DefaultView,
  Diff: DiffView,
  Domain: DomainView,
  DomainCounts,
  Error: ErrorBody,
  Explanation: ExplanationView,
  Flow: FlowView,
  Grant: GrantView,
  Lint: LintView,
  Plan: PlanView,
  Policy: PolicyView,
  PolicyApplied,
  PolicyRequest,
  Reach: ReachView,
  Ready,
  Revision: RevisionView,
  Ring: RingView,
  Rule: RuleView,
  RuleAdd,
  RuleDocument,
  RulePatch,
  SeenFlow: SeenFlowView,
  Session: SessionView,
  Set: SetView,
  Stats,
  Suggestion,
  Token: TokenView,
}
