import type { DomainId, Port } from '../abi/addr.js'
import { MESSAGE_HEADER_BYTES, type Limits } from '../abi/limits.js'
import { messageSlotsBytes } from '../abi/message.js'
import type { Rule } from '../policy/rule.js'
import { assert } from '../util/assert.js'
import type { QuotaMeter } from './quota-meter.js'
import type { Ring } from './ring.js'
import type { Hold, Session } from './session.js'
import { TokenBucket } from './token-bucket.js'

/** A sender is woken for as many tokens as come in this time, where more than one does. */
const GATHER_MS = 5
/** One record of the flow log for a rule whose limits refuse, no more often than this. */
const TELL_INTERVAL_MS = 1_000
/** Who waits for a quota is looked at this often: its hour goes by the clock, which may be set. */
const QUOTA_LOOK_MS = 10_000
/** Full buckets are looked for no more often than this, however many flows come. */
const SWEEP_INTERVAL_MS = 1_000

/** The buckets of one rule. */
interface RuleBuckets {
  rule: Rule
  /** For all its datagrams. */
  whole: TokenBucket | undefined
  /** By flow. */
  readonly flows: Map<string, FlowBucket>
  /** For the flows that have none of their own, all together. */
  rest: TokenBucket | undefined
  quota: QuotaMeter | undefined
  /** When the flow log was last told, in steady milliseconds. */
  toldAt: number
}

interface FlowBucket {
  readonly source: DomainId
  readonly bucket: TokenBucket
}

/** What a message that was refused lacks. */
interface Lack {
  readonly payloadBytes: number
  readonly buckets: readonly TokenBucket[]
  readonly quota: QuotaMeter | undefined
}

/** A session that was refused for want of tokens, or of bytes of a quota. */
interface Waiter extends Lack {
  readonly session: Session
  readonly ring: Ring
  /** Steady milliseconds. */
  dueAt: number
}

/**
 * Holds flows to the rates and quotas of their rules. Buckets are kept by rule id over changes of the table,
 * so that an edit gives nobody a new burst; a flow gets a bucket when it is first seen, and gives
 * it up when it is full again and the room is needed. Where there are too many flows at once,
 * those that came last share one bucket, so nobody gets more by making up flows.
 *
 * Who is refused is told by a `space` event when there are tokens; they are not kept for him, so
 * whoever shares a rule with a flood shares its rate with it. That is what rates by flow are for.
 */
export class RateLimiter implements Hold {
  readonly #limits: Limits
  readonly #now: () => number
  readonly #onDue: (at: number) => void
  readonly #quotaOf: (rule: Rule) => QuotaMeter | undefined
  readonly #byRule = new Map<string, RuleBuckets>()
  readonly #flowsOf = new Map<DomainId, number>()
  #flowCount = 0
  #sweptAt = -Infinity
  readonly #waiters = new Map<Session, Map<Ring, Waiter>>()
  readonly #waitersOf = new Map<DomainId, number>()
  #waiterCount = 0
  /** What the last call of `room` looked at. */
  #asked: readonly TokenBucket[] = []
  #askedQuota: QuotaMeter | undefined
  /** Bytes of payload that the quota of the rule leaves room for, as `room` saw it last. */
  roomBytes = Infinity

  /**
   * @param now steady time in whole milliseconds.
   * @param onDue called with the time at which `tick` has something to do.
   * @param quotaOf what is left of a rule's quota, if it has one.
   */
  constructor(
    limits: Limits,
    now: () => number,
    onDue: (at: number) => void,
    quotaOf: (rule: Rule) => QuotaMeter | undefined,
  ) {
    this.#limits = limits
    this.#now = now
    this.#onDue = onDue
    this.#quotaOf = quotaOf
  }

  /** Flows that have a bucket of their own. */
  get flowCount(): number {
    return this.#flowCount
  }

  /**
   * Takes the rates of another table; whoever waits is called, because it may not have to any more.
   * @param rules those with limits.
   */
  replace(rules: readonly Rule[]): void {
    const now = this.#now()
    const kept = new Set(rules.map(({ id }) => id))
    for (const [id, limited] of this.#byRule) {
      if (kept.has(id)) continue
      this.#dropFlows(limited)
      this.#byRule.delete(id)
    }
    for (const rule of rules) this.#take(rule, now)
    this.callAll()
  }

  /** Calls whoever waits, because there may be room where there was none: a counter was zeroed. */
  callAll(): void {
    for (const waiters of [...this.#waiters.values()]) {
      for (const waiter of [...waiters.values()]) this.#call(waiter, 1)
    }
  }

  /**
   * How many datagrams of a flow its rule lets through now; and in `roomBytes`, how many bytes.
   * @param rule of the table in force, with a rate or a quota.
   */
  room(
    rule: Rule,
    source: DomainId,
    sourcePort: Port,
    destination: DomainId,
    destinationPort: Port,
  ): number {
    const limited = this.#byRule.get(rule.id)
    assert(limited !== undefined, 'every rule with limits has its buckets')
    const now = this.#now()
    const asked: TokenBucket[] = []
    if (limited.whole !== undefined) asked.push(limited.whole)
    if (rule.flowRate !== undefined) {
      const key = `${source}:${sourcePort} ${destination}:${destinationPort}`
      asked.push(this.#flowBucket(limited, key, source, now))
    }
    this.#asked = asked
    this.#askedQuota = limited.quota
    this.roomBytes = limited.quota?.room() ?? Infinity
    return Math.min(...asked.map(bucket => bucket.tokens(now)))
  }

  /** Takes so many from what `room` looked at last. */
  take(datagrams: number, payloadBytes: number): void {
    for (const bucket of this.#asked) bucket.take(datagrams)
    this.#askedQuota?.take(payloadBytes)
  }

  /**
   * Lets a session wait for what `room` looked at last.
   * @param payloadBytes of the first message that was refused.
   * @returns false when too many wait.
   */
  wait(session: Session, ring: Ring, payloadBytes: number): boolean {
    const now = this.#now()
    const lack = { payloadBytes, buckets: this.#asked, quota: this.#askedQuota }
    const dueAt = now + delayOf(lack, now)
    const waiters = this.#waiters.get(session) ?? new Map<Ring, Waiter>()
    if (!waiters.has(ring)) {
      const { rateWaitersMax, rateWaitersPerDomainMax } = this.#limits
      const { id } = session.domain
      const ofDomain = this.#waitersOf.get(id) ?? 0
      if (this.#waiterCount >= rateWaitersMax || ofDomain >= rateWaitersPerDomainMax) return false
      this.#waitersOf.set(id, ofDomain + 1)
      this.#waiterCount++
      this.#waiters.set(session, waiters)
      session.holds.add(this)
      ring.limited.add(session)
    }
    waiters.set(ring, { session, ring, ...lack, dueAt })
    this.#onDue(dueAt)
    return true
  }

  /** True once in a while for each rule: whether the flow log should hear of a refusal. */
  mustTell(rule: Rule): boolean {
    const limited = this.#byRule.get(rule.id)!
    const now = this.#now()
    if (now - limited.toldAt < TELL_INTERVAL_MS) return false
    limited.toldAt = now
    return true
  }

  /**
   * Calls those for whom there are tokens, first come first served, each for its share of them; and
   * for whom a quota has room, which is nobody's share: who comes first has it.
   * @returns when there is something to do again, or Infinity.
   */
  tick(): number {
    const now = this.#now()
    const due: Waiter[] = []
    const claims = new Map<TokenBucket, number>()
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters.values()) {
        if (waiter.dueAt > now) continue
        due.push(waiter)
        for (const bucket of waiter.buckets) claims.set(bucket, (claims.get(bucket) ?? 0) + 1)
      }
    }
    const left = new Map<TokenBucket, number>()
    for (const waiter of due) {
      let share = hasQuota(waiter) ? Infinity : 0
      for (const bucket of waiter.buckets) {
        const tokens = left.get(bucket) ?? bucket.tokens(now)
        share = Math.min(share, tokens, Math.max(1, Math.floor(tokens / claims.get(bucket)!)))
        left.set(bucket, tokens)
      }
      for (const bucket of waiter.buckets) {
        claims.set(bucket, claims.get(bucket)! - 1)
        left.set(bucket, left.get(bucket)! - share)
      }
      if (share > 0) this.#call(waiter, share)
      else waiter.dueAt = now + Math.max(1, delayOf(waiter, now))
    }
    let next = Infinity
    for (const waiters of this.#waiters.values()) {
      for (const { dueAt } of waiters.values()) next = Math.min(next, dueAt)
    }
    return next
  }

  /** Forgets who waits to send to a ring that is gone, and with them its memory. */
  forgetRing(ring: Ring): void {
    for (const session of ring.limited) this.#remove(this.#waiters.get(session)!.get(ring)!)
  }

  /** Forgets a session that ends. */
  forget(session: Session): void {
    for (const waiter of [...this.#waiters.get(session)!.values()]) this.#remove(waiter)
  }

  #take(rule: Rule, now: number): void {
    let limited = this.#byRule.get(rule.id)
    if (limited === undefined) {
      const none = { whole: undefined, rest: undefined, quota: undefined }
      limited = { rule, ...none, flows: new Map(), toldAt: -Infinity }
      this.#byRule.set(rule.id, limited)
    }
    limited.rule = rule
    limited.quota = this.#quotaOf(rule)
    const { rate, burst, flowRate, flowBurst } = rule
    if (rate === undefined) limited.whole = undefined
    else if (limited.whole === undefined) limited.whole = new TokenBucket(rate, burst, now)
    else limited.whole.change(rate, burst, now)
    if (flowRate === undefined) {
      this.#dropFlows(limited)
      return
    }
    limited.rest?.change(flowRate, flowBurst, now)
    for (const { bucket } of limited.flows.values()) bucket.change(flowRate, flowBurst, now)
  }

  #flowBucket(limited: RuleBuckets, key: string, source: DomainId, now: number): TokenBucket {
    const known = limited.flows.get(key)
    if (known !== undefined) return known.bucket
    const { flowRate, flowBurst } = limited.rule
    if (!this.#hasRoom(source)) this.#sweep(now)
    if (!this.#hasRoom(source)) {
      limited.rest ??= new TokenBucket(flowRate!, flowBurst, now)
      return limited.rest
    }
    const bucket = new TokenBucket(flowRate!, flowBurst, now)
    limited.flows.set(key, { source, bucket })
    this.#flowCount++
    this.#flowsOf.set(source, (this.#flowsOf.get(source) ?? 0) + 1)
    return bucket
  }

  #hasRoom(source: DomainId): boolean {
    const { flowBucketsMax, flowBucketsPerDomainMax } = this.#limits
    if (this.#flowCount >= flowBucketsMax) return false
    return (this.#flowsOf.get(source) ?? 0) < flowBucketsPerDomainMax
  }

  /** Takes the buckets that are full: a new one would be as full. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_INTERVAL_MS) return
    this.#sweptAt = now
    for (const { flows } of this.#byRule.values()) {
      for (const [key, flow] of flows) {
        if (flow.bucket.isFull(now)) this.#dropFlow(flows, key, flow)
      }
    }
  }

  #dropFlows({ flows }: RuleBuckets): void {
    for (const [key, flow] of flows) this.#dropFlow(flows, key, flow)
  }

  #dropFlow(flows: Map<string, FlowBucket>, key: string, { source }: FlowBucket): void {
    flows.delete(key)
    this.#flowCount--
    countDown(this.#flowsOf, source)
  }

  #call(waiter: Waiter, share: number): void {
    this.#remove(waiter)
    const { session, ring, payloadBytes } = waiter
    const { owner, id, buffer } = ring
    const size = messageSlotsBytes(payloadBytes)
    const bytes = Math.max(size, Math.min(share * size, buffer.roomBytes)) - MESSAGE_HEADER_BYTES
    const { party } = owner.domain
    session.sink.event({ kind: 'space', party, port: id.port, spaceBytes: bytes })
  }

  #remove({ session, ring }: Waiter): void {
    const waiters = this.#waiters.get(session)!
    waiters.delete(ring)
    ring.limited.delete(session)
    this.#waiterCount--
    countDown(this.#waitersOf, session.domain.id)
    if (waiters.size > 0) return
    this.#waiters.delete(session)
    session.holds.delete(this)
  }
}

function hasQuota({ quota, payloadBytes }: Lack): boolean {
  return quota === undefined || quota.msUntilRoomFor(payloadBytes) === 0
}

function delayOf({ buckets, quota, payloadBytes }: Lack, now: number): number {
  const delays = buckets.map(bucket => bucket.msUntilWorthwhile(GATHER_MS, now))
  const forQuota = Math.min(quota?.msUntilRoomFor(payloadBytes) ?? 0, QUOTA_LOOK_MS)
  return Math.max(forQuota, ...delays)
}

function countDown(counts: Map<DomainId, number>, id: DomainId): void {
  const left = counts.get(id)! - 1
  if (left === 0) counts.delete(id)
  else counts.set(id, left)
}
