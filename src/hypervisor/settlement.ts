import type { FrameBytes } from '../abi/frame.js'
import { MESSAGE_HEADER_BYTES } from '../abi/limits.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import type { Admission, Admitted } from './admission.js'
import type { FlowRecord } from './event.js'
import { LogFilter } from './log-filter.js'
import type { RunOutcome, SendOutcome } from './outcome.js'
import type { PolicyGate } from './policy-gate.js'
import type { RateLimiter } from './rate-limiter.js'
import type { RingSpace } from './ring-space.js'
import type { Ring } from './ring.js'
import { payloadOfRun, type Run, type Stretch } from './run.js'
import type { Session } from './session.js'
import type { Target } from './target.js'
import type { SendRefusal, UndeliveredCounts } from './undelivered.js'

/**
 * What becomes of runs besides their bytes: it makes refusals, counts what was settled, and leaves
 * records for the flow log. It is about one run at a time, from `begin` to the next.
 */
export class Settlement {
  readonly #gate: PolicyGate
  readonly #admission: Admission
  readonly #limiter: RateLimiter
  readonly #space: RingSpace
  readonly #logFilter = new LogFilter()
  readonly #onFlow: (record: FlowRecord) => void
  readonly #outcome: RunOutcome = {
    accepted: 0,
    refused: 0,
    code: null,
    decisionId: 0,
    malformed: false,
    slotBytes: 0,
    refusedSlotBytes: 0,
    roomBytes: Infinity,
  }
  #lastDecisionId: number

  /**
   * @param decisionIdBase decision ids count up from here.
   * @param onFlow told of what the flow log is to have.
   */
  constructor(
    gate: PolicyGate,
    admission: Admission,
    limiter: RateLimiter,
    space: RingSpace,
    decisionIdBase: number,
    onFlow: (record: FlowRecord) => void,
  ) {
    this.#gate = gate
    this.#admission = admission
    this.#limiter = limiter
    this.#space = space
    this.#lastDecisionId = decisionIdBase
    this.#onFlow = onFlow
  }

  /** Begins with another run. @returns the one RunOutcome of this object. */
  begin(): RunOutcome {
    const outcome = this.#outcome
    outcome.accepted = 0
    outcome.refused = 0
    outcome.code = null
    outcome.decisionId = 0
    outcome.malformed = false
    outcome.slotBytes = 0
    outcome.refusedSlotBytes = 0
    outcome.roomBytes = Infinity
    return outcome
  }

  /** Refuses a whole run for a reason that has nothing to do with policy. */
  refuseAll(
    session: Session,
    run: Run,
    bytes: FrameBytes,
    start: number,
    end: number,
    code: SendRefusal,
  ): RunOutcome {
    const outcome = this.#outcome
    if (payloadOfRun(bytes, start, end, run.count) < 0) {
      outcome.malformed = true
      return outcome
    }
    outcome.refused = run.count
    outcome.code = code
    countRefused(session, run.target, code, run.count)
    return outcome
  }

  /** Refuses a datagram that was sent alone for such a reason. */
  refuseOne(session: Session, target: Target, code: SendRefusal): SendOutcome {
    countRefused(session, target, code, 1)
    return { ok: false, code, decisionId: 0 }
  }

  /** Does with a whole run what its rule says, where that does not let it through. */
  turnAway(
    session: Session,
    run: Run,
    index: number,
    admitted: Exclude<Admitted, 'pass'>,
    payloadBytes: number,
    isNewFlow: boolean,
  ): void {
    const outcome = this.#outcome
    // It is not for space that this session waits now, nor has it a claim to any.
    if (session.waitingFor.size > 0) this.#space.leave(session, run.target, run.port)
    switch (admitted) {
      case 'refuse':
        this.refuseForGood(session, run, index, payloadBytes, run.count, 'EPERM')
        return
      case 'swallow':
        outcome.accepted = run.count
        session.domain.counters.datagramsDropped += run.count
        countUndelivered(session, run.target, 'drop', run.count)
        this.settled(session, run, index, run.count, payloadBytes, isNewFlow, false)
        return
      case 'ask':
      case 'wait':
        outcome.refused = run.count
        outcome.code = 'EAGAIN'
        countRefused(session, run.target, 'EAGAIN', run.count)
        if (admitted === 'wait') return
        outcome.decisionId = this.#record(session, run, index, run.count, payloadBytes, 'EAGAIN')
    }
  }

  /** Counts datagrams that were delivered or dropped, and notes the first of a flow. */
  settled(
    session: Session,
    run: Run,
    index: number,
    datagrams: number,
    payloadBytes: number,
    isNewFlow: boolean,
    isPlain: boolean,
  ): void {
    this.#gate.count(index, datagrams, payloadBytes)
    if (isPlain) {
      this.#passed(session, run, index, datagrams, payloadBytes, isNewFlow)
      return
    }
    const { beyond, beyondBytes, effect, mustTell } = this.#admission
    const within = datagrams - beyond
    if (within > 0) {
      this.#passed(session, run, index, within, payloadBytes - beyondBytes, isNewFlow, effect)
    }
    if (beyond > 0) {
      const isTold = mustTell || (isNewFlow && within === 0)
      this.#passed(session, run, index, beyond, beyondBytes, isTold, 'audit')
    }
  }

  /** Counts datagrams of one effect. */
  #passed(
    session: Session,
    run: Run,
    index: number,
    datagrams: number,
    payloadBytes: number,
    isTold: boolean,
    effect?: FlowVerdict,
  ): void {
    const gate = this.#gate
    const { domain } = session
    const { sourcePort, target, port, type } = run
    if (effect === 'audit') gate.countAudited(index, datagrams, payloadBytes)
    gate.meter(domain, sourcePort, target, port, type, index, datagrams, payloadBytes, effect)
    if (isTold) this.#record(session, run, index, datagrams, payloadBytes, null, effect)
  }

  /** Refuses `count` datagrams so that trying again now would only be refused again. */
  refuseForGood(
    session: Session,
    run: Run,
    index: number,
    payloadBytes: number,
    count: number,
    code: SendRefusal,
    effect = this.#failureOf(index),
  ): void {
    const outcome = this.#outcome
    outcome.refused = count
    outcome.code = code
    const { domain } = session
    const { sourcePort, target, port, type } = run
    countRefused(session, target, code, count)
    this.#gate.count(index, count, payloadBytes)
    if (effect === 'audit') this.#gate.countAudited(index, count, payloadBytes)
    this.#gate.meter(domain, sourcePort, target, port, type, index, count, payloadBytes, effect)
    outcome.decisionId = this.#record(session, run, index, count, payloadBytes, code, effect)
  }

  /**
   * Refuses what the limits of a run's rule do not let through: messages that are too large for
   * good, or all that is left because it comes too soon. As with space, what is under way after
   * that waits until the session goes back to it.
   */
  refuseOver(session: Session, run: Run, ring: Ring, index: number): SendRefusal {
    const outcome = this.#outcome
    const { code, len } = this.#admission
    if (code === 'EMSGSIZE') {
      const { tooLarge } = this.#admission
      this.#gate.countLimited(index, tooLarge.count)
      this.refuseTooLarge(session, run, index, tooLarge, 'limit')
      return 'EMSGSIZE'
    }
    const count = run.count - outcome.accepted
    this.#gate.countLimited(index, count)
    this.#space.block(session, ring)
    const refusal = this.#limiter.wait(session, ring, len - MESSAGE_HEADER_BYTES)
      ? 'EDQUOT'
      : 'EBUSY'
    outcome.refused = count
    outcome.code = refusal
    countRefused(session, run.target, refusal, count)
    if (this.#limiter.mustTell(this.#gate.verdict(index).rule!)) {
      outcome.decisionId = this.#record(session, run, index, count, 0, 'EDQUOT', 'limit')
    }
    return refusal
  }

  /** Refuses messages that are too large, behind which the rest of the run may go on. */
  refuseTooLarge(
    session: Session,
    run: Run,
    index: number,
    { count, slotBytes, payloadBytes }: Stretch,
    effect?: FlowVerdict,
  ): void {
    this.#outcome.refusedSlotBytes = slotBytes
    this.refuseForGood(session, run, index, payloadBytes, count, 'EMSGSIZE', effect)
  }

  /**
   * Refuses what is left of a run because a message of `size` slot bytes does not go in now.
   * Until the session goes back to this message, whatever else of it is under way to this ring is
   * refused too: so what gets in of a burst is a prefix of it.
   */
  refuseForSpace(session: Session, run: Run, ring: Ring, size: number): SendRefusal {
    const outcome = this.#outcome
    outcome.refused = run.count - outcome.accepted
    outcome.decisionId = 0
    const isFull = size > ring.buffer.roomBytes
    let refusal: SendRefusal = isFull ? 'EAGAIN' : 'EDQUOT'
    if (!this.#space.wait(session, ring, size)) refusal = 'EBUSY'
    outcome.code = refusal
    countRefused(session, run.target, refusal, outcome.refused)
    return refusal
  }

  /** What is noted of datagrams that are refused for good, where it is not what their rule says. */
  #failureOf(index: number): FlowVerdict | undefined {
    if (this.#gate.isPlain(index)) return 'error'
    const { effect } = this.#admission
    return effect ?? (this.#gate.verdict(index).action === 'accept' ? 'error' : undefined)
  }

  /** Begins anew with what rules want in the flow log: for another table. */
  resetLog(): void {
    this.#logFilter.reset()
  }

  #record(
    session: Session,
    run: Run,
    index: number,
    datagrams: number,
    bytes: number,
    code: SendRefusal | null,
    effect?: FlowVerdict,
  ): number {
    const decisionId = ++this.#lastDecisionId
    const { sourcePort, target, port, type } = run
    if (code === null) this.#gate.recorded(session.domain, sourcePort, target, port, type, index)
    const verdict = this.#gate.verdict(index)
    const record: FlowRecord = {
      decisionId,
      verdict,
      effect: effect ?? verdict.action,
      code,
      source: { domain: session.domain.name, port: run.sourcePort },
      destination: { domain: run.target.name, port: run.port },
      type: run.type,
      datagrams,
      bytes,
    }
    if (this.#logFilter.wants(record)) this.#onFlow(record)
    return decisionId
  }
}

function countRefused(session: Session, target: Target, code: SendRefusal, count: number): void {
  session.domain.counters.datagramsRefused += count
  countUndelivered(session, target, code, count)
}

/** Counts with both sides, as far as the other one is there. */
function countUndelivered(
  { domain }: Session,
  target: Target,
  reason: keyof UndeliveredCounts,
  count: number,
): void {
  domain.undelivered.from[reason] += count
  if (target.domain !== undefined) target.domain.undelivered.to[reason] += count
}
