import { diffDecisions } from '../../policy/decision-diff.js'
import { summarize, type DecisionSummary } from '../../policy/decision-summary.js'
import { lint, type LintFinding } from '../../policy/lint.js'
import { Membership } from '../../policy/membership.js'
import { PolicyTable } from '../../policy/policy-table.js'
import { Replay, type ReplayResult } from '../../policy/replay.js'
import { diffRules, type RuleChange } from '../../policy/rule-diff.js'
import type { SeenFlow } from '../../policy/seen-flow.js'
import type { Subject } from '../../policy/subject.js'
import { runTests } from '../../policy/test-run.js'
import type { KeptPolicy } from '../../store/policy-body.js'
import { refuse } from '../../store/refusal.js'
import type { DetailedRefusal } from './policy-request.js'
import { isSame } from './table-change.js'

/** Of each list in a plan or a difference at most so many are named; all of them are counted. */
export const LISTED_MAX = 1_000
const SHOWN_FAILURES = 3

/** A test that failed, and where it stands. */
export interface FailedTest {
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly message: string
}

/** What running the tests of a policy came to. */
export interface TestReport {
  readonly run: number
  readonly failed: number
  readonly failures: readonly FailedTest[]
}

/** What tells two policies apart. */
export interface PolicyDiff {
  readonly rules: {
    readonly added: number
    readonly removed: number
    readonly changed: number
    readonly moved: number
    readonly listed: readonly RuleChange[]
  }
  readonly setsChanged: boolean
  readonly tagsChanged: boolean
  readonly testsChanged: boolean
  readonly decisions: DecisionSummary
}

/** What would become of a policy, and what it would change. */
export interface Plan extends PolicyDiff {
  /** none: it says the same; refused: it would not be applied. */
  readonly status: 'none' | 'changes' | 'refused'
  /** The revision it is compared with. */
  readonly revision: number
  readonly tests: TestReport
  readonly lint: { readonly findings: number; readonly listed: readonly LintFinding[] }
  /** The flows seen lately, decided again. */
  readonly flows: ReplayResult
}

/** What a policy is looked at with. */
export interface Surroundings {
  /** All domains, with their own tags. */
  readonly domains: readonly Subject[]
  /** Milliseconds since the Unix epoch. */
  readonly now: number
}

/** Compares the policy in force with one that is to follow it. */
export function planOf(
  revision: number,
  before: KeptPolicy,
  after: KeptPolicy,
  flows: Iterable<SeenFlow>,
  surroundings: Surroundings,
): Plan {
  const tests = testReport(after, surroundings)
  const diff = diffOf(before, after, surroundings)
  const findings = lint(after, surroundings)
  const isSameTo = diff.rules.listed.length === 0 && !isOtherThan(diff)
  return {
    status: tests.failed > 0 ? 'refused' : isSameTo ? 'none' : 'changes',
    revision,
    tests,
    lint: { findings: findings.length, listed: findings.slice(0, LISTED_MAX) },
    ...diff,
    flows: replayOf(before, after, flows, surroundings),
  }
}

/** What tells two policies apart, by rule and by decision. */
export function diffOf(
  before: KeptPolicy,
  after: KeptPolicy,
  { domains, now }: Surroundings,
): PolicyDiff {
  const rules = diffRules(before.rules, after.rules)
  const rulesOf = (kind: RuleChange['kind']): number =>
    rules.filter(change => change.kind === kind).length
  return {
    rules: {
      added: rulesOf('added'),
      removed: rulesOf('removed'),
      changed: rulesOf('changed'),
      moved: rulesOf('moved'),
      listed: rules.slice(0, LISTED_MAX),
    },
    setsChanged: !isSame(before.sets.map(withoutPlace), after.sets.map(withoutPlace)),
    tagsChanged: !isSame(before.tags.map(withoutPlace), after.tags.map(withoutPlace)),
    testsChanged: !isSame(before.tests.map(withoutPlace), after.tests.map(withoutPlace)),
    decisions: summarize(diffDecisions(before, after, domains, now), LISTED_MAX),
  }
}

/** Runs the tests of a policy. */
export function testReport(policy: KeptPolicy, { domains, now }: Surroundings): TestReport {
  const results = runTests(policy, policy.tests, domains, now)
  const failed = results.filter(({ ok }) => !ok)
  return {
    run: results.length,
    failed: failed.length,
    failures: failed.slice(0, LISTED_MAX).map(({ test, message }) => ({ ...test.place, message })),
  }
}

/** The refusal of a policy that does not pass its tests; undefined when it does. */
export function refuseFailing({ run, failed, failures }: TestReport): DetailedRefusal | undefined {
  if (failed === 0) return undefined
  const shown = failures
    .slice(0, SHOWN_FAILURES)
    .map(({ file, line, message }) =>
      file === undefined ? message : `${file}:${line}: ${message}`,
    )
    .join('; ')
  const message = `${failed} of the ${run} tests of the policy ${failed === 1 ? 'fails' : 'fail'}: ${shown}`
  return { ...refuse('EINVAL', message), details: failures }
}

function replayOf(
  before: KeptPolicy,
  after: KeptPolicy,
  flows: Iterable<SeenFlow>,
  { domains, now }: Surroundings,
): ReplayResult {
  const byName = new Map(domains.map(domain => [domain.name, domain]))
  const subjectOf = (name: string): Subject => {
    let subject = byName.get(name)
    if (subject === undefined) byName.set(name, (subject = { name, tags: [] }))
    return subject
  }
  const replay = new Replay(tableOf(after, now), tableOf(before, now), subjectOf)
  for (const flow of flows) replay.add(flow)
  return replay.result()
}

function tableOf({ rules, sets, tags }: KeptPolicy, now: number): PolicyTable {
  const table = new PolicyTable(0, rules, new Membership(sets, tags))
  table.expire(now)
  return table
}

function isOtherThan({ setsChanged, tagsChanged, testsChanged }: PolicyDiff): boolean {
  return setsChanged || tagsChanged || testsChanged
}

// That something stands on another line does not make it another thing.
function withoutPlace(kept: { readonly place?: unknown }): object {
  return { ...kept, place: undefined }
}
