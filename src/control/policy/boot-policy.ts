import {
  BODY_FORMAT,
  decodePolicy,
  EMPTY_POLICY,
  encodePolicy,
  type KeptPolicy,
} from '../../store/policy-body.js'
import { hashOf } from '../../store/revision-store.js'
import { DAEMON, type Store } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import type { Clock } from '../../util/clock.js'

/** The policy that a daemon starts with. */
export interface BootedPolicy {
  /** 0 when there is none, or none that can be read. */
  readonly revision: number
  readonly policy: KeptPolicy
  /** Why it is not what the newest revision says, or should say. */
  readonly problem: string | undefined
}

/** What revisions are read from. */
type Revisions = Pick<Store, 'policies'>

/**
 * Finds the policy to start with: the newest revision, or the newest one before it that is what was
 * written, or none, with which everything is rejected. A revision that nobody confirmed in time is
 * rolled back first.
 */
export function bootPolicy(store: Store, clock: Clock): BootedPolicy {
  const problem = rollBackOverdue(store, clock)
  const booted = policyInStore(store)
  return { ...booted, problem: booted.problem ?? problem }
}

/** The policy that a daemon would start with if nothing waited to be confirmed. */
export function policyInStore(store: Revisions & Pick<Store, 'audit'>): BootedPolicy {
  const newest = store.policies.currentRevision()
  const records = newest === 0 ? store.audit.size() : 0
  const problem =
    records === 0 ? undefined : `no revision is left, and the audit log has ${records} records`
  return newestGood(store, newest, problem)
}

/**
 * The newest revision up to `from` that is what was written.
 * @param problem what is known to be wrong already.
 */
export function newestGood(store: Revisions, from: number, problem?: string): BootedPolicy {
  let revision = from
  while (revision > 0) {
    const policy = readPolicy(store, revision)
    if (policy !== undefined && typeof policy !== 'string') {
      return { revision, policy, problem: told(problem, revision) }
    }
    problem ??= policy
    // A number that is damaged may be too large to be told from the next one.
    const before = store.policies.history(1, revision)[0]?.revision ?? 0
    revision = before < revision ? before : 0
  }
  return { revision: 0, policy: EMPTY_POLICY, problem: told(problem, 0) }
}

/** A revision's policy, a sentence that says why it can't be read, or undefined when it is gone. */
export function readPolicy(store: Revisions, revision: number): KeptPolicy | string | undefined {
  try {
    const kept = store.policies.get(revision)
    if (kept === undefined) return undefined
    const policy = decodePolicy(kept.format, kept.body)
    return typeof policy === 'string'
      ? `the policy of revision ${revision} can't be read: ${policy}`
      : policy
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'corrupt') {
      return `the policy of revision ${revision} does not fit its hash`
    }
    throw error
  }
}

function told(problem: string | undefined, revision: number): string | undefined {
  if (problem === undefined) return undefined
  const instead =
    revision === 0 ? 'everything is rejected' : `that of revision ${revision} is in force`
  return `${problem}; until a policy is applied, ${instead}`
}

// The daemon was not there when the time was up. What nobody confirmed is never gone back to, also
// when the revision before it is damaged; why it is another one is returned.
function rollBackOverdue(store: Store, clock: Clock): string | undefined {
  const waiting = store.policies.unconfirmed()
  if (waiting === undefined || waiting.deadline > clock.now()) return undefined
  const good = newestGood(store, waiting.backTo)
  const reason = `revision ${waiting.revision} was not confirmed in time`
  store.transaction(() => {
    const revisionBefore = store.policies.currentRevision()
    const body = encodePolicy(good.policy)
    const revisionAfter = store.policies.append({
      author: DAEMON,
      reason,
      format: BODY_FORMAT,
      rules: good.policy.rules.length,
      body,
      hash: hashOf(body),
    })
    store.audit.append({
      actor: DAEMON,
      auth: 'daemon',
      action: 'policy.rollback',
      target: String(good.revision),
      revisionBefore,
      revisionAfter,
      reason,
    })
  })
  return good.problem
}
