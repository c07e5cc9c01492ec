import { MESSAGE_HEADER_BYTES } from '../abi/limits.js'
import type { ErrorCode } from '../abi/errno.js'
import type { FrameBytes } from '../abi/frame.js'
import { messageSlotsBytes } from '../abi/message.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import { hasLimits, lets, payloadBytesMaxOf, type Rule } from '../policy/rule.js'
import type { AskTable } from './ask-table.js'
import type { Domain } from './domain.js'
import type { PolicyGate } from './policy-gate.js'
import { isWithinQuota } from './quota-meter.js'
import type { RateLimiter } from './rate-limiter.js'
import { sizeOfMessage, type RingBuffer } from './ring-buffer.js'
import { tooLarge, type Run, type Stretch } from './run.js'
import type { Session } from './session.js'

/** What is to be done with datagrams that no rule simply accepts. */
export type Admitted =
  | 'pass'
  | 'refuse'
  /** They are dropped, and the sender is not told. */
  | 'swallow'
  /** They wait at the sender for an operator, who was asked before. */
  | 'wait'
  /** The same, and an operator is asked now. */
  | 'ask'

/**
 * What is done with datagrams of rules that do more than accept: audit mode, operators that are
 * asked, and limits. It looks at one run at a time: `admit`, `cut`, then `passed`, each about the
 * same one. The answers are in its fields, which the next run overwrites.
 */
export class Admission {
  readonly #gate: PolicyGate
  readonly #limiter: RateLimiter
  readonly #asks: AskTable
  /** Messages of the run that its rule's limits let through, and where the rest of it starts. */
  count = 0
  end = 0
  /** Why the next message is not let through: too large, or too soon; null when all are. */
  code: Extract<ErrorCode, 'EMSGSIZE' | 'EDQUOT'> | null = null
  /** What the header of that message says its length is. */
  len = 0
  /** Where it is too large: it, and those right behind it that are as well. */
  tooLarge: Stretch = { count: 0, slotBytes: 0, payloadBytes: 0 }
  /** What becomes of the run where that is not what its rule says. */
  effect: FlowVerdict | undefined
  /** What of the run was delivered beyond the limits of its rule, by audit mode. */
  beyond = 0
  beyondBytes = 0
  /** The flow log is to hear of that, though not of its flow for the first time. */
  mustTell = false
  #isAudited = false
  /** The rule, if it has limits, and how many messages and payload bytes are within them. */
  #limited: Rule | undefined
  #within = 0
  #withinBytes = 0

  constructor(gate: PolicyGate, limiter: RateLimiter, asks: AskTable) {
    this.#gate = gate
    this.#limiter = limiter
    this.#asks = asks
  }

  /** Decides about a run whose verdict has this index. */
  admit(session: Session, run: Run, index: number): Admitted {
    const { target, sourcePort, port, type, count, retry } = run
    const { action, rule } = this.#gate.verdict(index)
    this.#isAudited = this.#gate.isAudited(session.domain, target)
    this.effect = undefined
    this.mustTell = false
    this.beyond = 0
    this.beyondBytes = 0
    this.#limited = undefined
    if (action === 'accept' || action === 'audit') return 'pass'
    if (this.#isAudited) {
      this.effect = 'audit'
      return 'pass'
    }
    if (rule === null || action === 'reject') return 'refuse'
    if (action === 'drop') return 'swallow'
    switch (this.#asks.answer(session, sourcePort, target, port, type, rule, count, retry)) {
      case 'granted':
        return 'pass'
      case 'new':
        return 'ask'
      case 'wait':
        return 'wait'
      case 'denied':
        this.effect = 'reject'
        return 'refuse'
    }
  }

  /** True when a datagram would be let through as far as its rule goes, without being asked for. */
  lets(source: Domain, flow: Omit<Run, 'count' | 'retry'>, index: number): boolean {
    const { target, sourcePort, port, type } = flow
    const { action } = this.#gate.verdict(index)
    if (action === 'accept' || action === 'audit' || this.#gate.isAudited(source, target))
      return true
    return action === 'ask' && this.#asks.grants.has(source, sourcePort, target, port, type)
  }

  /**
   * Holds a run that passed against the limits of its rule: what is beyond them is not in `count`
   * messages, up to `end`. Nor is what lies behind the first message that finds no room in the
   * ring: however often a run is refused in part, no message of it is looked at again and again.
   * @param ring where it goes.
   * @returns false when the run's bytes are no messages.
   */
  cut(
    session: Session,
    run: Run,
    index: number,
    bytes: FrameBytes,
    start: number,
    end: number,
    { roomBytes }: RingBuffer,
  ): boolean {
    this.count = run.count
    this.end = end
    this.code = null
    const { rule } = this.#gate.verdict(index)
    if (!this.#hasLimits(rule)) return true
    const room = this.#room(session, run, rule)
    let at = start
    let count = 0
    let payloadBytes = 0
    while (count < run.count && at - start <= roomBytes) {
      const len = at < end ? bytes.view.getUint32(at, true) : 0
      const size = sizeOfMessage(len)
      if (size === 0 || size > end - at) return false
      if (!this.#isWithin(rule, len, count, payloadBytes, room)) break
      at += size
      payloadBytes += len - MESSAGE_HEADER_BYTES
      count++
    }
    if (count === run.count && at !== end) return false
    this.#within = count
    this.#withinBytes = payloadBytes
    if (this.#isAudited) {
      this.code = null
      return true
    }
    this.count = count
    this.end = at
    if (this.code === 'EMSGSIZE') {
      const left = run.count - count
      this.tooLarge = tooLarge(payloadBytesMaxOf(rule), bytes, at, end, left, this.len)
    }
    return true
  }

  /** The same for one message of so many payload bytes. */
  cutOne(session: Session, run: Run, index: number, payloadBytes: number): void {
    this.count = 1
    this.code = null
    const { rule } = this.#gate.verdict(index)
    if (!this.#hasLimits(rule)) return
    const len = payloadBytes + MESSAGE_HEADER_BYTES
    const isWithin = this.#isWithin(rule, len, 0, 0, this.#room(session, run, rule))
    this.#within = isWithin ? 1 : 0
    this.#withinBytes = isWithin ? payloadBytes : 0
    if (this.#isAudited) this.code = null
    else this.count = this.#within
    this.tooLarge = { count: 1, slotBytes: messageSlotsBytes(payloadBytes), payloadBytes }
  }

  /** Payload bytes of a message of the run, at most, where they are limited. */
  get payloadBytesMax(): number | undefined {
    if (this.#isAudited || this.#limited === undefined) return undefined
    return payloadBytesMaxOf(this.#limited)
  }

  /** Notes that so many messages of the run were delivered, and their payload bytes. */
  passed(index: number, delivered: number, payloadBytes: number): void {
    const rule = this.#limited
    if (rule === undefined) return
    const within = Math.min(delivered, this.#within)
    // Who shares the memory of the run with us pays for what was copied, not for what was checked.
    const bytesWithin = within < delivered ? this.#withinBytes : payloadBytes
    if (isMetered(rule)) this.#limiter.take(within, bytesWithin)
    if (delivered === within) return
    this.beyond = delivered - within
    this.beyondBytes = Math.max(0, payloadBytes - bytesWithin)
    this.mustTell = this.#limiter.mustTell(rule)
    this.#gate.countLimited(index, this.beyond)
  }

  #hasLimits(rule: Rule | null): rule is Rule {
    if (rule === null || !lets(rule.action) || !hasLimits(rule)) return false
    this.#limited = rule
    return true
  }

  #room(session: Session, { target, sourcePort, port }: Run, rule: Rule): number {
    if (!isMetered(rule)) return Infinity
    // Only asked about datagrams for which there is a ring, so there is a domain.
    return this.#limiter.room(rule, session.domain.id, sourcePort, target.domain!.id, port)
  }

  // The message behind `count` others of `bytes` payload bytes.
  #isWithin(rule: Rule, len: number, count: number, bytes: number, room: number): boolean {
    const payloadBytes = len - MESSAGE_HEADER_BYTES
    if (payloadBytes > payloadBytesMaxOf(rule)) this.code = 'EMSGSIZE'
    else if (count >= room) this.code = 'EDQUOT'
    else if (
      rule.quota !== undefined &&
      !isWithinQuota(payloadBytes, this.#limiter.roomBytes - bytes)
    )
      this.code = 'EDQUOT'
    this.len = len
    return this.code === null
  }
}

/** True when the limiter has something to say about a rule. */
function isMetered({ rate, flowRate, quota }: Rule): boolean {
  return rate !== undefined || flowRate !== undefined || quota !== undefined
}
