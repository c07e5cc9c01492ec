import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { PolicyTableBuilder } from '../../policy/policy-table-builder.js'
import type { PolicyTable } from '../../policy/policy-table.js'
import type { Rule } from '../../policy/rule.js'
import { BODY_FORMAT, EMPTY_POLICY, encodePolicy } from '../../store/policy-body.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { RevisionInfo, Unconfirmed } from '../../store/revision-store.js'
import type { Store } from '../../store/store.js'
import { assert } from '../../util/assert.js'
import type { Clock } from '../../util/clock.js'
import { DAEMON } from '../policy/boot-policy.js'
import type { DetailedRefusal } from '../policy/policy-request.js'
import type { Body, KeptBody, PolicyEdit, Prepared } from '../policy/policy-messages.js'
import { shifted } from '../policy/policy-pieces.js'
import type { PolicyThread } from '../policy/policy-thread.js'
import type { Cause } from './cause.js'
import type { Deed } from './changes.js'
import type { Log } from './log.js'
import { nextTurn } from './next-turn.js'
import type { SetService } from './sets.js'
import type { Tally } from './tally.js'
import { Turns } from './turns.js'

/** How a policy is put in force. */
export interface ApplyOptions {
  /** Roll back unless it is confirmed within so many milliseconds. */
  readonly confirmMs?: number | undefined
  /** Also when a test of the policy fails. */
  readonly skipTests?: boolean | undefined
}

/** A policy that is in force. */
export interface Applied {
  readonly ok: true
  readonly revision: number
  /** The rule that was edited, where it was one. */
  readonly id: string
  readonly rules: number
  readonly added: number
  readonly changed: number
  readonly removed: number
  /** When it is rolled back unless it is confirmed. */
  readonly deadline: number | undefined
}

/** A policy as JSON. */
export interface PolicyJson {
  readonly revision: number
  readonly json: string
}

export type PolicyRefusal =
  | Refusal<'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ESTALE' | 'EBUSY' | 'ETIMEDOUT'>
  | DetailedRefusal

/** How long whoever applies a policy may take to confirm it. */
export const CONFIRM_MS_MAX = 60 * 60 * 1_000
/** Preparing an edit that takes longer than this is given up. */
const TIME_MS_MAX = 60_000
/** Changes that wait for those before them, and the bodies of their requests. */
const WAITING = { waitingMax: 256, bytesMax: 64 * 1024 * 1024 }
/** How long compiling goes on before others get their turn. */
const SLICE_MS = 1
/** Steps of the compiler between two looks at the clock. */
const STEPS = 64
/** Rules that get another line in their file before others get their turn. */
const SHIFTED_PER_STEP = 500
/** Revisions since the one that a change was made for that its refusal names. */
const SINCE_MAX = 20
/** Revision 0: everything is rejected. */
const NO_POLICY: Body = { format: BODY_FORMAT, body: encodePolicy(EMPTY_POLICY) }
/** A rollback that failed, such as for want of space, is tried again. */
const RETRY_MS = 1_000

/**
 * How the policy in force is changed: one edit at a time. What takes long is done in a thread, and
 * compiling in slices; then, in one step, the revision is stored and its table put in force. Until
 * that step the old table decides everything, and when anything fails it goes on doing so.
 */
export class PolicyService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #clock: Clock
  readonly #thread: PolicyThread
  readonly #tally: Tally
  readonly #sets: SetService
  readonly #log: Log | undefined
  readonly #turns = new Turns(WAITING)
  #deadline: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(
    store: Store,
    hypervisor: Hypervisor,
    clock: Clock,
    thread: PolicyThread,
    tally: Tally,
    sets: SetService,
    log: Log | undefined,
  ) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#clock = clock
    this.#thread = thread
    this.#tally = tally
    this.#sets = sets
    this.#log = log
    this.#watchDeadline()
  }

  /**
   * Makes an edit: when the promise is fulfilled the new table decides and is on the disk, or the
   * edit was refused and nothing has changed. When only the disk fails at the very end, the promise
   * is rejected though the new table decides: it may be gone after a power cut.
   * @param deed what the audit log says of it.
   */
  edit(
    edit: PolicyEdit,
    cause: Cause,
    options: ApplyOptions,
    deed: (applied: Applied) => Deed,
  ): Promise<Applied | PolicyRefusal> {
    const bytes = edit.kind === 'request' ? edit.bytes.length : 0
    if (!this.#turns.hasRoomFor(bytes)) {
      return Promise.resolve(refuse('EBUSY', 'too many changes of the policy wait already'))
    }
    return this.#turns.take(async () => {
      const waiting = this.#store.policies.unconfirmed()
      if (waiting !== undefined) return isWaiting(waiting)
      return this.#edit(edit, cause, options, deed)
    }, bytes)
  }

  /**
   * Makes what a revision said the next one.
   * @returns ENOENT when it is not kept, EINVAL when it can't be read any more.
   */
  rollback(
    revision: number,
    cause: Cause,
    options: ApplyOptions = {},
  ): Promise<Applied | PolicyRefusal> {
    return this.#turns.take(() => this.#rollback(revision, cause, options))
  }

  /**
   * Keeps a revision that would be rolled back otherwise.
   * @returns ENOENT when nothing waits to be confirmed, ESTALE when it is another revision.
   */
  confirm(
    cause: Cause,
  ): Promise<
    { readonly ok: true; readonly revision: number } | Refusal<'ENOENT'> | DetailedRefusal<'ESTALE'>
  > {
    return this.#turns.take(async () => {
      const stale = this.#refuseStale(cause.ifRevision)
      if (stale !== undefined) return stale
      const waiting = this.#store.policies.unconfirmed()
      if (waiting === undefined) return refuse('ENOENT', 'no revision waits to be confirmed')
      this.#store.transaction(() => {
        this.#store.policies.confirm()
        this.#store.audit.append({
          actor: cause.actor,
          reason: cause.reason,
          action: 'policy.confirm',
          target: String(waiting.revision),
          revisionBefore: waiting.revision,
          revisionAfter: waiting.revision,
        })
      })
      this.#sets.dropGone()
      this.#watchDeadline()
      return { ok: true, revision: waiting.revision }
    })
  }

  /** The policy in force as JSON. */
  view(asDocuments: boolean): Promise<PolicyJson> {
    return this.#thread.call('view', asDocuments)
  }

  /**
   * What a revision said, as JSON.
   * @returns ENOENT when it is not kept.
   * @throws StoreError 'corrupt' when it is not what was written.
   */
  async viewOf(
    revision: number,
    asDocuments: boolean,
  ): Promise<({ readonly ok: true } & PolicyJson) | Refusal<'ENOENT'>> {
    const body = this.bodyOf(revision)
    if (body === undefined) return notKept(revision)
    return { ok: true, ...(await this.#thread.call('view', asDocuments, body)) }
  }

  /** A revision's body, if it is kept; 0 is the empty policy. */
  bodyOf(revision: number): KeptBody | undefined {
    if (revision === 0) return { ...NO_POLICY, revision }
    const kept = this.#store.policies.get(revision)
    return kept && { revision, format: kept.format, body: kept.body }
  }

  /** Revisions from the newest back. */
  history(limit: number, before?: number): RevisionInfo[] {
    return this.#store.policies.history(limit, before)
  }

  /** The revision that waits to be confirmed, if one does. */
  unconfirmed(): Unconfirmed | undefined {
    return this.#store.policies.unconfirmed()
  }

  /** Takes no more edits, and waits for the one under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#deadline)
    await this.#turns.done()
    await this.#thread.close()
  }

  async #rollback(
    revision: number,
    cause: Cause,
    options: ApplyOptions,
  ): Promise<Applied | PolicyRefusal> {
    const body = this.bodyOf(revision)
    if (body === undefined) return notKept(revision)
    return this.#edit({ kind: 'restore', ...body }, cause, options, () => ({
      action: 'policy.rollback',
      target: String(revision),
    }))
  }

  async #edit(
    edit: PolicyEdit,
    cause: Cause,
    options: ApplyOptions,
    deed: (applied: Applied) => Deed,
  ): Promise<Applied | PolicyRefusal> {
    const stale = this.#refuseStale(cause.ifRevision)
    if (stale !== undefined) return stale
    const prepared = await this.#thread.callInTime(TIME_MS_MAX, 'prepare', edit, {
      now: this.#clock.now(),
      skipTests: options.skipTests ?? false,
    })
    if (!prepared.ok) return prepared
    const otherwise = this.#refuseStale(prepared.ifRevision)
    if (otherwise !== undefined) {
      await this.#thread.call('discard')
      return otherwise
    }
    try {
      const table = await this.#compile(prepared)
      const given = prepared.reason ?? cause.reason
      const applied = this.#enforce(prepared, table, { ...cause, reason: given }, options, deed)
      await this.#adopt(applied.revision)
      // Waiting for the disk holds up whoever asked, and no datagram.
      await this.#store.synced()
      return applied
    } catch (error) {
      await this.#thread.call('discard').catch(() => undefined)
      throw error
    }
  }

  async #adopt(revision: number): Promise<void> {
    // A thread that has ended may have been followed by one that knows the policy before this.
    const isAdopted = await this.#thread.call('adopt', revision).catch(() => false)
    if (!isAdopted) await this.#thread.restart()
  }

  /** Makes the new table, of which whoever looks sees nothing yet. */
  async #compile(prepared: Prepared): Promise<PolicyTable> {
    await this.#tally.settle()
    const old = this.#hypervisor.policy.rules
    const rules: Rule[] = []
    for (const stretch of prepared.stretches) {
      if (stretch.kind === 'kept') {
        const { from, count, shift = 0 } = stretch
        for (let i = 0; i < count; i++) {
          const rule = old[from + i]!
          rules.push(shift === 0 ? rule : shifted(rule, shift))
          if (shift !== 0 && i % SHIFTED_PER_STEP === 0) await nextTurn()
        }
      } else {
        const piece = JSON.parse(await this.#thread.call('piece', stretch.piece)) as Rule[]
        for (const rule of piece) rules.push(rule)
        // Answers that come while one is worked on would be taken in the same turn.
        await nextTurn()
      }
    }
    assert(rules.length === prepared.rules, 'all rules of the new table have arrived')
    const membership = await this.#sets.membershipOf(prepared.sets, prepared.tags)
    const revision = this.#store.policies.currentRevision() + 1
    const builder = new PolicyTableBuilder(revision, rules, membership)
    for (;;) {
      const until = performance.now() + SLICE_MS
      let table: PolicyTable | undefined
      while (table === undefined && performance.now() < until) table = builder.step(STEPS)
      if (table !== undefined) return table
      await nextTurn()
    }
  }

  /** The one step in which the revision is stored and put in force. */
  #enforce(
    prepared: Prepared,
    table: PolicyTable,
    cause: Cause,
    { confirmMs, skipTests }: ApplyOptions,
    deed: (applied: Applied) => Deed,
  ): Applied {
    const { policies, audit } = this.#store
    const { actor, reason } = cause
    const { format, body, hash, lastRuleNumber, rules, added, changed, gone, turned } = prepared
    const revisionBefore = this.#hypervisor.policy.revision
    const now = this.#clock.now()
    const deadline = confirmMs === undefined ? undefined : now + confirmMs
    const { revision } = table
    const removed = gone.length
    const id = prepared.id ?? ''
    const applied: Applied = { ok: true, revision, id, rules, added, changed, removed, deadline }
    this.#store.relaxed(() => {
      const stored = policies.append({
        author: actor,
        reason,
        format,
        rules,
        body,
        hash,
        lastRuleNumber,
      })
      assert(stored === revision, 'the table compiled is the one that is stored')
      if (deadline !== undefined) {
        policies.expectConfirmation({ revision, backTo: revisionBefore, deadline, author: actor })
      }
      const { action, target, detail } = deed(applied)
      audit.append({
        actor,
        reason,
        action,
        target,
        detail: skipTests ? { ...detail, tests: 'skipped' } : detail,
        revisionBefore,
        revisionAfter: revision,
      })
    })
    this.#sets.enforce(prepared.sets, prepared.tags)
    table.expire(now)
    this.#hypervisor.setPolicy(table)
    this.#tally.change(gone, turned)
    if (deadline === undefined) this.#sets.dropGone()
    this.#sets.watchExpiry()
    this.#watchDeadline()
    return applied
  }

  #refuseStale(ifRevision: number | undefined): DetailedRefusal<'ESTALE'> | undefined {
    const { revision } = this.#hypervisor.policy
    if (ifRevision === undefined || ifRevision === revision) return undefined
    const since = this.#store.policies.history(SINCE_MAX).filter(each => each.revision > ifRevision)
    const details = since.map(({ revision: later, author, reason }) => ({
      message: `revision ${later} by ${author}${reason === '' ? '' : `: ${reason}`}`,
    }))
    const message = `the policy is at revision ${revision}, no longer at ${ifRevision}`
    return { ...refuse('ESTALE', message), details }
  }

  // By a timer for what is left, so that a clock that is set does not matter while this runs.
  #watchDeadline(): void {
    clearTimeout(this.#deadline)
    const waiting = this.#store.policies.unconfirmed()
    if (waiting === undefined || this.#isClosed) return
    const { deadline } = waiting
    const left = Math.min(Math.max(0, deadline - this.#clock.now()), CONFIRM_MS_MAX)
    this.#deadline = setTimeout(() => void this.#rollBackOverdue(), left)
    this.#deadline.unref()
  }

  async #rollBackOverdue(): Promise<void> {
    try {
      const failed = await this.#turns.take(async (): Promise<PolicyRefusal | undefined> => {
        const waiting = this.#store.policies.unconfirmed()
        if (waiting === undefined) return undefined
        const reason = `revision ${waiting.revision} was not confirmed in time`
        // Its tests may fail by now, or did when it was applied; it is what was in force all the same.
        const options = { skipTests: true }
        const outcome = await this.#rollback(waiting.backTo, { actor: DAEMON, reason }, options)
        return outcome.ok ? undefined : outcome
      })
      if (failed === undefined) return
      this.#log?.error({ code: failed.code }, `rolling back the policy failed: ${failed.message}`)
    } catch (error) {
      this.#log?.error({ err: error }, 'rolling back the policy failed')
    }
    if (this.#isClosed) return
    this.#deadline = setTimeout(() => void this.#rollBackOverdue(), RETRY_MS)
    this.#deadline.unref()
  }
}

function notKept(revision: number): Refusal<'ENOENT'> {
  return refuse('ENOENT', `revision ${revision} is not kept: the history lists those that are`)
}

function isWaiting({ revision, backTo, deadline }: Unconfirmed): Refusal<'EBUSY'> {
  const until = new Date(deadline).toISOString()
  return refuse(
    'EBUSY',
    `revision ${revision} waits to be confirmed until ${until}: confirm it, or roll back to ${backTo}`,
  )
}
