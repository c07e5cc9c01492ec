import { errorInfo } from '../abi/errno.js'
import { messageTypeOf } from '../abi/addr.js'
import type { FlowRecord } from '../hypervisor/event.js'
import { lets } from '../policy/rule.js'
import { formatRule } from '../policy/rule-text.js'
import { assert } from '../util/assert.js'
import type { Clock } from '../util/clock.js'
import { formatDecisionId } from '../abi/decision-id.js'
import { isWanted, type FlowFilter } from './flow-filter.js'
import type { FlowView } from './schemas/flow.js'

/** A record with its number and the time it was made. */
export interface FlowEntry {
  /** Counted from 1. */
  readonly seq: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly record: FlowRecord
}

/** Viewers that may follow the log at a time. */
export const FLOW_VIEWERS_MAX = 64

/**
 * From one time that viewers are told to the next, while there are few records: each time wakes
 * them, and writes to each of them.
 */
const TELL_MS = 20
/** Records that are not waited with any longer, so that no turn has many to write. */
const UNTOLD_MAX = 64

/**
 * The last decisions worth remembering, for whoever looks. Old ones give way to new ones, so it
 * never grows; a viewer reads from here at its own pace and holds nothing, and one that is too
 * slow finds out how many it missed. To append costs the data path two stores.
 */
export class FlowLog {
  readonly #clock: Clock
  readonly #capacity: number
  readonly #entries: (FlowEntry | undefined)[]
  readonly #viewers = new Set<() => void>()
  #nextSeq = 1
  /** Records since viewers were told. */
  #untold = 0
  #toldAt = -Infinity
  #willTell = false
  #timer: NodeJS.Timeout | undefined

  /** @param capacity records kept, from 1. */
  constructor(capacity: number, clock: Clock) {
    assert(Number.isSafeInteger(capacity) && capacity > 0, 'a flow log keeps at least one record')
    this.#capacity = capacity
    this.#clock = clock
    this.#entries = Array.from({ length: capacity })
  }

  get capacity(): number {
    return this.#capacity
  }

  /** The oldest record that is kept; equal to `nextSeq` while there is none. */
  get oldestSeq(): number {
    return Math.max(1, this.#nextSeq - this.#capacity)
  }

  /** The number of the record to come. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Adds a record; viewers hear of it later in this turn of the event loop, or with a few others. */
  add(record: FlowRecord): void {
    const seq = this.#nextSeq++
    const at = this.#clock.now()
    this.#entries[seq % this.#capacity] = { seq, at, record }
    if (this.#viewers.size === 0) return
    this.#untold++
    if (this.#willTell) return
    const isDue = at < this.#toldAt || at >= this.#toldAt + TELL_MS
    if (isDue || this.#untold >= Math.min(UNTOLD_MAX, this.#capacity / 2)) {
      clearTimeout(this.#timer)
      this.#willTell = true
      setImmediate(() => this.#tell())
    } else if (this.#untold === 1) {
      this.#timer = setTimeout(() => this.#tell(), TELL_MS)
    }
  }

  /** The record with this number, while it is kept. */
  at(seq: number): FlowEntry | undefined {
    const entry = this.#entries[seq % this.#capacity]
    return entry?.seq === seq ? entry : undefined
  }

  /** The last records that the filter wants, oldest first. */
  recent(limit: number = this.#capacity, filter: FlowFilter = {}): FlowEntry[] {
    const found: FlowEntry[] = []
    for (let seq = this.#nextSeq - 1; seq >= this.oldestSeq && found.length < limit; seq--) {
      const entry = this.at(seq)
      if (entry !== undefined && isWanted(entry.record, filter)) found.push(entry)
    }
    return found.reverse()
  }

  /** The record of a decision, while it is kept. */
  find(decisionId: number): FlowEntry | undefined {
    return this.#entries.find(entry => entry?.record.decisionId === decisionId)
  }

  /**
   * Calls `onMore` after new records.
   * @returns the function that ends this, or undefined when there are too many viewers.
   */
  watch(onMore: () => void): (() => void) | undefined {
    if (this.#viewers.size >= FLOW_VIEWERS_MAX) return undefined
    this.#viewers.add(onMore)
    return () => this.#viewers.delete(onMore)
  }

  get viewers(): number {
    return this.#viewers.size
  }

  #tell(): void {
    this.#willTell = false
    this.#untold = 0
    this.#toldAt = this.#clock.now()
    for (const onMore of this.#viewers) onMore()
  }
}

/** A record as REST shows it. */
export function flowView({ seq, at, record }: FlowEntry): FlowView {
  const { verdict, effect, code, source, destination } = record
  return {
    seq,
    at,
    decisionId: formatDecisionId(record.decisionId),
    verdict: effect,
    rule: verdict.rule?.id ?? null,
    ...verdict.rule?.place,
    position: verdict.position,
    revision: verdict.revision,
    code,
    reason: reasonOf(record),
    source: `${source.domain}:${source.port}`,
    destination: `${destination.domain}:${destination.port}`,
    type: messageTypeOf(record.type) ?? `0x${record.type.toString(16)}`,
    datagrams: record.datagrams,
    bytes: record.bytes,
  }
}

function reasonOf({ verdict, effect, code }: FlowRecord): string {
  const { rule, position, revision, action } = verdict
  const who =
    rule === null
      ? `no rule of revision ${revision} matches, which means ${action}`
      : `rule ${rule.id} at position ${position} of revision ${revision} says ${action}: ${formatRule({ ...rule, comment: '' })}`
  if (effect === 'audit' && !lets(action)) return `${who}; but audit mode delivers it`
  if (effect === 'audit' && action === 'ask') return `${who}; but audit mode asks nobody`
  if (effect === 'limit') return `${who}; but that is more than its limits let through`
  if (action === 'ask' && code === 'EAGAIN') return `${who}; it waits for an operator`
  if (action === 'ask' && code === 'EPERM') return `${who}; and nobody has granted it`
  if (!lets(action) || code === null) return who
  return `${who}; but ${errorInfo(code).sentence}`
}
