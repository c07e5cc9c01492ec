import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { PolicyTable } from '../../policy/policy-table.js'
import { BODY_FORMAT, encodePolicy } from '../../store/policy-body.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Unconfirmed } from '../../store/revision-store.js'
import { StoreError } from '../../store/store-error.js'
import { DAEMON, type Store } from '../../store/store.js'
import { assert } from '../../util/assert.js'
import type { Clock } from '../../util/clock.js'
import { newestGood } from '../policy/boot-policy.js'
import type { StaleRefusal } from '../policy/policy-request.js'
import type { PolicyEdit, Prepared } from '../policy/policy-messages.js'
import { unpackTable } from '../policy/packed-table.js'
import type { PolicyTasks } from '../policy/policy-tasks.js'
import { ThreadEnded, type PolicyThread } from '../policy/policy-thread.js'
import type { Applied, ApplyOptions, PolicyRefusal } from './applied.js'
import type { Cause } from './cause.js'
import type { Deed } from './changes.js'
import type { Log } from './log.js'
import { meanwhileOf, staleRefusal } from './meanwhile.js'
import { nextTurn } from './next-turn.js'
import { notKept, type RevisionService } from './revisions.js'
import { RollbackWatch } from './rollback-watch.js'
import type { SetService } from './sets.js'
import type { Tally, Turning } from './tally.js'
import { Turns } from './turns.js'

/** Preparing an edit that takes longer than this is given up. */
const TIME_MS_MAX = 60_000
/** Changes that wait for those before them, and the bodies of their requests. */
const WAITING = { waitingMax: 256, bytesMax: 64 * 1024 * 1024 }
/** Rules with limits that are read before others get their turn. */
const RULES_PER_STEP = 100
/** Its tests may fail by now, or did when it was applied; it is what was in force all the same. */
const OVERDUE: ApplyOptions = { skipTests: true }

/**
 * How the policy in force is changed: one edit at a time. What takes long is done in a thread,
 * compiling included; then, in one step, the revision is stored and its table put in force. Until
 * that step the old table decides everything, and when anything fails it goes on doing so.
 */
export class PolicyService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #clock: Clock
  readonly #thread: PolicyThread<PolicyTasks>
  readonly #revisions: RevisionService
  readonly #tally: Tally
  readonly #sets: SetService
  readonly #log: Log | undefined
  readonly #turns = new Turns(WAITING)
  readonly #watch: RollbackWatch
  /** What is in force instead of a policy that could not be gone back to, and why. */
  #fallback: { readonly revision: number; readonly problem: string } | undefined

  constructor(
    store: Store,
    hypervisor: Hypervisor,
    clock: Clock,
    thread: PolicyThread<PolicyTasks>,
    revisions: RevisionService,
    tally: Tally,
    sets: SetService,
    log: Log | undefined,
  ) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#clock = clock
    this.#thread = thread
    this.#revisions = revisions
    this.#tally = tally
    this.#sets = sets
    this.#log = log
    this.#watch = new RollbackWatch(store, clock, log, () => this.#rollBackOverdue())
    this.#watch.start()
    // What was not confirmed before a restart is to go in time, and a thread takes long to start.
    if (store.policies.unconfirmed() !== undefined) thread.call('discard').catch(() => undefined)
  }

  /**
   * Makes an edit: when the promise is fulfilled the new table decides and is on the disk, or the
   * edit was refused or says what is in force, and nothing has changed. When only the disk fails at the very end, the promise
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
  ): Promise<{ readonly ok: true; readonly revision: number } | Refusal<'ENOENT'> | StaleRefusal> {
    return this.#turns.take(async () => {
      const { revision: current } = this.#hypervisor.policy
      if (this.#isStale(cause.ifRevision)) {
        return staleRefusal(meanwhileOf(this.#store.policies, current, cause.ifRevision), current)
      }
      const waiting = this.#store.policies.unconfirmed()
      if (waiting === undefined) return refuse('ENOENT', 'no revision waits to be confirmed')
      this.#store.relaxed(() => {
        this.#store.policies.confirm()
        this.#store.audit.append({
          ...cause,
          action: 'policy.confirm',
          target: String(waiting.revision),
          revisionBefore: waiting.revision,
          revisionAfter: waiting.revision,
        })
      })
      this.#sets.dropGone()
      this.#watch.start()
      await this.#store.synced()
      return { ok: true, revision: waiting.revision }
    })
  }

  /** Why the policy in force is not the one that should be. */
  problem(): string | undefined {
    const { revision, problem } = this.#fallback ?? {}
    return (
      this.#watch.problem ?? (revision === this.#hypervisor.policy.revision ? problem : undefined)
    )
  }

  /** Takes no more edits, and waits for the one under way. */
  async close(): Promise<void> {
    this.#watch.close()
    await this.#turns.done()
    await this.#thread.close()
  }

  async #rollback(
    revision: number,
    cause: Cause,
    options: ApplyOptions,
  ): Promise<Applied | PolicyRefusal> {
    const body = this.#revisions.bodyOf(revision)
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
    const { skipTests = false, merge = false } = options
    const late = this.#isStale(cause.ifRevision) ? cause.ifRevision : undefined
    if (late !== undefined && !merge) return this.#refuseStale(late, edit)
    const how = { now: this.#clock.now(), skipTests }
    const { revision } = this.#hypervisor.policy
    const meanwhile =
      late === undefined ? undefined : meanwhileOf(this.#store.policies, revision, late)
    const prepared = await this.#thread.callInTime(TIME_MS_MAX, 'prepare', edit, how, meanwhile)
    if (!prepared.ok) return prepared
    if (prepared.ifRevision !== late && this.#isStale(prepared.ifRevision)) {
      const refusal = await this.#refuseStale(prepared.ifRevision)
      await this.#thread.call('discard')
      return refusal
    }
    // Who goes back while a revision waits to be confirmed means that it waits no longer.
    if (prepared.isUnchanged && this.#store.policies.unconfirmed() === undefined) {
      await this.#thread.call('discard')
      return this.#unchanged(prepared)
    }
    try {
      const table = await this.#tableOf(prepared)
      const turning = await this.#tally.turning(this.#hypervisor.policy.list, prepared.change)
      await nextTurn()
      const given = prepared.reason ?? cause.reason
      const applied = this.#enforce(
        prepared,
        table,
        turning,
        { ...cause, reason: given },
        options,
        deed,
      )
      await this.#adopt(applied.revision)
      // Waiting for the disk holds up whoever asked, and no datagram.
      await this.#store.synced()
      return applied
    } catch (error) {
      await this.#thread.call('discard').catch(() => undefined)
      throw error
    }
  }

  #unchanged({ id = '', mergedFrom }: Prepared): Applied {
    const { revision, list } = this.#hypervisor.policy
    const none = { added: 0, changed: 0, removed: 0, deadline: undefined, isUnchanged: true }
    return { ok: true, revision, id, rules: list.length, ...none, mergedFrom }
  }

  async #adopt(revision: number): Promise<void> {
    // A thread that has ended may have been followed by one that knows the policy before this.
    const isAdopted = await this.#thread.call('adopt', revision).catch(() => false)
    if (!isAdopted) await this.#thread.restart()
  }

  /** The new table, of which whoever looks sees nothing yet. */
  async #tableOf({ table: packed, sets, tags }: Prepared): Promise<PolicyTable> {
    // To take it from the thread was enough for one turn.
    await nextTurn()
    await this.#tally.settle()
    const membership = await this.#sets.membershipOf(sets, tags)
    const revision = this.#store.policies.currentRevision() + 1
    const table = unpackTable(packed, revision, membership)
    // These are wanted in the step that puts it in force.
    for (const [index, position] of packed.compiled.limited.entries()) {
      table.verdictAt(position)
      if (index % RULES_PER_STEP === 0) await nextTurn()
    }
    return table
  }

  /** The one step in which the revision is stored and put in force. */
  #enforce(
    prepared: Prepared,
    table: PolicyTable,
    turning: readonly Turning[],
    cause: Cause,
    { confirmMs, skipTests }: ApplyOptions,
    deed: (applied: Applied) => Deed,
  ): Applied {
    const { policies, audit } = this.#store
    const { actor, auth, origin, reason } = cause
    const { format, body, hash, lastRuleNumber, change } = prepared
    const { added, changed } = change
    const revisionBefore = this.#hypervisor.policy.revision
    const now = this.#clock.now()
    const deadline = confirmMs === undefined ? undefined : now + confirmMs
    const { revision } = table
    const rules = table.list.length
    const removed = change.gone.length
    const id = prepared.id ?? ''
    const applied: Applied = {
      ok: true,
      revision,
      id,
      rules,
      added,
      changed,
      removed,
      deadline,
      isUnchanged: false,
      mergedFrom: prepared.mergedFrom,
    }
    this.#store.relaxed(() => {
      // Nobody has confirmed what waits, so that is no way back.
      const backTo = policies.unconfirmed()?.backTo ?? revisionBefore
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
        policies.expectConfirmation({ revision, backTo, deadline, author: actor })
      }
      const { action, target, detail } = deed(applied)
      audit.append({
        actor,
        auth,
        origin,
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
    this.#tally.change(this.#hypervisor.policy.list, change, turning)
    this.#hypervisor.setPolicy(table)
    if (deadline === undefined) this.#sets.dropGone()
    this.#sets.watchExpiry()
    this.#watch.start()
    return applied
  }

  #isStale(ifRevision: number | undefined): ifRevision is number {
    return ifRevision !== undefined && ifRevision !== this.#hypervisor.policy.revision
  }

  /** @param edit of the revision that it was made for; the thread's candidate when left out. */
  async #refuseStale(ifRevision: number, edit?: PolicyEdit): Promise<StaleRefusal> {
    const { revision } = this.#hypervisor.policy
    const meanwhile = meanwhileOf(this.#store.policies, revision, ifRevision)
    try {
      const now = this.#clock.now()
      const compared = await this.#thread.callInTime(TIME_MS_MAX, 'compare', edit, meanwhile, now)
      return staleRefusal(meanwhile, revision, 'ok' in compared ? undefined : compared)
    } catch (error) {
      if (!(error instanceof ThreadEnded)) throw error
      return staleRefusal(meanwhile, revision)
    }
  }

  /** @returns why it could not be done now. */
  #rollBackOverdue(): Promise<string | undefined> {
    return this.#turns.take(async () => {
      const waiting = this.#store.policies.unconfirmed()
      if (waiting === undefined) return undefined
      const { revision, backTo } = waiting
      const why = `revision ${revision} was not confirmed in time`
      const cause: Cause = { actor: DAEMON, auth: 'daemon', reason: why }
      const outcome = await this.#rollBackTo(backTo, cause)
      if (outcome.ok) return undefined
      // What is not kept or can't be read is not so the next time either.
      if (outcome.code !== 'ENOENT' && outcome.code !== 'EINVAL') return outcome.message
      return this.#fallBack(backTo, cause)
    })
  }

  async #rollBackTo(revision: number, cause: Cause): Promise<Applied | PolicyRefusal> {
    try {
      return await this.#rollback(revision, cause, OVERDUE)
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure !== 'corrupt') throw error
      return refuse('EINVAL', error.message)
    }
  }

  // As at the start of a daemon: the newest before it that can be read, else nothing is let through.
  async #fallBack(from: number, cause: Cause): Promise<string | undefined> {
    const { revision, policy, problem } = newestGood(this.#store, from)
    const restored = { format: BODY_FORMAT, body: encodePolicy(policy) }
    const outcome = await this.#edit({ kind: 'restore', ...restored }, cause, OVERDUE, () => ({
      action: 'policy.rollback',
      target: String(revision),
    }))
    if (!outcome.ok) return outcome.message
    const why = problem ?? `revision ${from} is not kept: that of revision ${revision} is in force`
    this.#fallback = { revision: outcome.revision, problem: why }
    this.#log?.error({}, why)
    return undefined
  }
}

function isWaiting({ revision, backTo, deadline }: Unconfirmed): Refusal<'EBUSY'> {
  const until = new Date(deadline).toISOString()
  return refuse(
    'EBUSY',
    `revision ${revision} waits to be confirmed until ${until}: confirm it, or roll back to ${backTo}`,
  )
}
