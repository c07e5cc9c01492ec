import { CONTROL_NAME, messageTypeOf } from '../../abi/addr.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { DEFAULT_ID } from '../../policy/rule.js'
import type { SeenFlow } from '../../policy/seen-flow.js'
import type { PortRange } from '../../policy/selector.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { FlowsQuery } from '../../store/flow-store.js'
import type { SetElement } from '../../store/set-store.js'
import type { Clock } from '../../util/clock.js'
import type { FlowLog } from '../flow-log.js'
import type { DetailedRefusal } from '../policy/policy-request.js'
import type { Picture } from '../policy/graph-picture.js'
import type { JsonBytes } from '../policy/json-bytes.js'
import type { Asked, KeptBody, LintAsked } from '../policy/policy-messages.js'
import type { InquiryTasks } from '../policy/inquiry-tasks.js'
import type { PolicyThread, TaskName, TaskParams, TaskResult } from '../policy/policy-thread.js'
import type { FlowHistory } from './flow-history.js'
import { nextTurn } from './next-turn.js'
import { notKept } from './revisions.js'
import { ruleCounts } from './rule-counts.js'
import { Turns } from './turns.js'

/** An answer, as JSON. */
export interface Answered {
  readonly ok: true
  readonly json: JsonBytes
}

type NoAnswer = Refusal<'ETIMEDOUT' | 'EBUSY'>
type Inquired = Answered | Refusal<'ENOENT'> | NoAnswer

/** Where what is asked about comes from. */
export interface InquirySources {
  readonly hypervisor: Hypervisor
  readonly clock: Clock
  readonly flowLog: FlowLog
  /** What was written down of flows, if it is. */
  readonly history?: FlowHistory | undefined
  /** A revision's body, if it is kept; 0 is no policy. */
  readonly bodyOf: (revision: number) => KeptBody | undefined
  /** What was put into sets by hand. */
  readonly live: () => readonly SetElement[]
}

/** What takes longer than this is given up. */
const TIME_MS_MAX = 60_000
/** Questions that wait for the thread, and what they hold. */
const WAITING = { waitingMax: 32, bytesMax: 64 * 1024 * 1024 }
/** Flows of the log that a plan decides again. */
const FLOWS_MAX = 4_096
const FLOWS_PER_STEP = 500

/**
 * Questions about policies: what a change would do, why a datagram is refused, who can send to
 * whom. They change nothing, and are answered in a thread of their own, so that no change has to
 * wait for an answer.
 */
export class InquiryService {
  readonly #sources: InquirySources
  readonly #thread: PolicyThread<InquiryTasks>
  readonly #turns = new Turns(WAITING)

  constructor(sources: InquirySources, thread: PolicyThread<InquiryTasks>) {
    this.#sources = sources
    this.#thread = thread
  }

  /**
   * What would become of a request for a whole policy.
   * @param backMs how far back flows are decided again; those of the flow log when left out, or
   *   when flows are not written down.
   */
  async plan(
    bytes: Uint8Array,
    backMs?: number,
  ): Promise<Answered | DetailedRefusal | Refusal<'ENOENT' | 'EEXIST' | 'ENOSPC'> | NoAnswer> {
    const { history } = this.#sources
    const isFar = backMs !== undefined && history !== undefined
    const flows = isFar ? await history.past(backMs) : await this.#seenFlows()
    const of = this.#inForce()
    const edit = { kind: 'request', bytes } as const
    return this.#ask('plan', edit, of, this.#sources.live(), flows, this.#now())
  }

  /** What tells two revisions apart; ENOENT when one is not kept. */
  async diff(from: number, to: number): Promise<Inquired> {
    const [before, after] = [this.#sources.bodyOf(from), this.#sources.bodyOf(to)]
    if (before === undefined) return notKept(from)
    if (after === undefined) return notKept(to)
    return answered(await this.#ask('diff', before, after, this.#now()))
  }

  /** How a revision, or the policy in force, comes to its verdict about a datagram. */
  async explain(question: Omit<Asked, 'isAudited'>, revision?: number): Promise<Inquired> {
    const asked = { ...question, isAudited: revision === undefined && this.#isAudited(question) }
    return this.#about(revision, of =>
      this.#ask('explain', of, this.#sources.live(), asked, this.#now()),
    )
  }

  /** Who can send to a domain, or whom it can send to. */
  async reach(
    way: 'who-can' | 'what-can',
    name: string,
    ports: PortRange,
    revision?: number,
  ): Promise<Inquired> {
    const live = this.#sources.live()
    return this.#about(revision, of => this.#ask('reach', way, of, live, name, ports, this.#now()))
  }

  /** Everything that a revision, or the policy in force, lets through. */
  async graph(revision?: number): Promise<Inquired> {
    return this.#about(revision, of => this.#ask('graph', of, this.#sources.live(), this.#now()))
  }

  /** A picture of the same. */
  async picture(
    picture: Picture,
    revision?: number,
  ): Promise<
    { readonly ok: true; readonly text: string } | Refusal<'ENOENT' | 'E2BIG'> | NoAnswer
  > {
    const of = revision === undefined ? this.#inForce() : this.#sources.bodyOf(revision)
    if (of === undefined) return notKept(revision!)
    const text = await this.#ask('picture', of, this.#sources.live(), picture, this.#now())
    return typeof text === 'string' ? { ok: true, text } : text
  }

  /**
   * What is probably not meant; of the policy in force also what was never hit.
   * @param asks whether every rule should have a comment, and after how long without a hit a rule
   *   of the policy in force is called unused.
   */
  async lint(
    revision: number | undefined,
    asks: Pick<LintAsked, 'comments' | 'unusedMs'>,
  ): Promise<Inquired> {
    const counted = revision === undefined ? await ruleCounts(this.#sources.hypervisor) : undefined
    const asked = { ...asks, now: this.#now() }
    return this.#about(revision, of =>
      this.#ask('lint', of, this.#sources.live(), counted?.numbers, asked),
    )
  }

  /** What became of which flows, those seen last first, as the JSON of a HistoryList. */
  async history(
    history: FlowHistory,
    backMs: number,
    query: Omit<FlowsQuery, 'since'>,
    limit: number,
  ): Promise<Answered | NoAnswer> {
    const { path, since } = await history.past(backMs)
    return answered(await this.#ask('history', path, { ...query, since }, limit, history.lost))
  }

  /** A draft of a policy that lets through what was let through, with tests. */
  async suggest(history: FlowHistory, backMs: number): Promise<Answered | NoAnswer> {
    return answered(await this.#ask('suggest', await history.past(backMs)))
  }

  /** Ends what is being answered. */
  close(): Promise<void> {
    return this.#thread.close()
  }

  async #about(
    revision: number | undefined,
    ask: (of: KeptBody) => Promise<JsonBytes | NoAnswer>,
  ): Promise<Inquired> {
    if (revision === undefined) return answered(await ask(this.#inForce()))
    const of = this.#sources.bodyOf(revision)
    return of === undefined ? notKept(revision) : answered(await ask(of))
  }

  #inForce(): KeptBody {
    const { revision } = this.#sources.hypervisor.policy
    // When it is not kept any more, it never was: the daemon runs without a policy.
    return this.#sources.bodyOf(revision) ?? this.#sources.bodyOf(0)!
  }

  async #ask<Name extends TaskName<InquiryTasks>>(
    task: Name,
    ...params: TaskParams<InquiryTasks, Name>
  ): Promise<TaskResult<InquiryTasks, Name> | NoAnswer> {
    const bytes = params.reduce((sum: number, param) => sum + bytesIn(param), 0)
    if (!this.#turns.hasRoomFor(bytes)) return refuse('EBUSY', 'too many questions wait already')
    const work = (): Promise<TaskResult<InquiryTasks, Name> | Refusal<'ETIMEDOUT'>> =>
      this.#thread.callInTime(TIME_MS_MAX, task, ...params)
    return this.#turns.take(work, bytes)
  }

  async #seenFlows(): Promise<SeenFlow[]> {
    const seen: SeenFlow[] = []
    for (const { at, record } of this.#sources.flowLog.recent(FLOWS_MAX)) {
      const { source, destination, effect, verdict, datagrams, bytes } = record
      const type = messageTypeOf(record.type)
      if (type === undefined) continue
      seen.push({
        source: source.domain,
        sourcePort: source.port,
        destination: destination.domain,
        destinationPort: destination.port,
        type,
        effect,
        rule: verdict.rule?.id ?? DEFAULT_ID,
        datagrams,
        bytes,
        firstAt: at,
        lastAt: at,
      })
      if (seen.length % FLOWS_PER_STEP === 0) await nextTurn()
    }
    return seen
  }

  #isAudited({ source, destination }: Omit<Asked, 'isAudited'>): boolean {
    if (destination === CONTROL_NAME) return false
    const { hypervisor } = this.#sources
    if (hypervisor.isAuditing) return true
    return [source, destination].some(name => hypervisor.domainNamed(name)?.isAudited === true)
  }

  #now(): number {
    return this.#sources.clock.now()
  }
}

/** Bytes of a policy that a parameter holds. */
function bytesIn(param: unknown): number {
  if (typeof param !== 'object' || param === null) return 0
  const { bytes, body } = param as { readonly bytes?: Uint8Array; readonly body?: Uint8Array }
  return (bytes ?? body)?.length ?? 0
}

function answered(outcome: JsonBytes | NoAnswer): Answered | NoAnswer {
  return outcome instanceof Uint8Array ? { ok: true, json: outcome } : outcome
}
