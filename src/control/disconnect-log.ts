import { endReasonInfo, endReasons, type EndedBy, type EndReason } from '../abi/end-reason.js'
import type { Limits } from '../abi/limits.js'
import type { Party } from '../hypervisor/event.js'
import type { EndRecord } from '../hypervisor/session-end.js'
import { assert } from '../util/assert.js'
import type { Clock } from '../util/clock.js'
import type { DisconnectView } from './schemas/disconnect.js'

/** Ends for one cause: of sessions of one domain, or of clients of whom nothing is known. */
export interface Disconnect {
  /** Counted from 1; a later end for the same cause gives the entry the next one. */
  readonly seq: number
  /** Ends of which this tells. */
  readonly count: number
  /** Milliseconds since the Unix epoch. */
  readonly firstAt: number
  readonly lastAt: number
  /** The last of them. */
  readonly end: EndRecord
}

/** Which of them are asked for; all where nothing is said. */
export interface DisconnectFilter {
  readonly domain?: string | undefined
  readonly reason?: EndReason | undefined
  readonly by?: EndedBy | undefined
}

/** Takes a line for the daemon's log. */
export type LogLine = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** Viewers that may follow the log at a time. */
export const DISCONNECT_VIEWERS_MAX = 64
/** Viewers hear of ends together that are not further apart. */
const TELL_MS = 250

interface Entry extends Disconnect {
  readonly cause: string
  readonly owner: string
}

/**
 * How sessions ended, and attempts to attach: those for one cause within some time of each other
 * are one entry, so that a client which comes back again and again takes no more room than one
 * which came once. A domain has its share of the entries, and so have all together that did not
 * prove who they are: the oldest give way.
 *
 * What the daemon ended is logged as well: the first time, the tenth, the hundredth, and so on.
 */
export class DisconnectLog {
  readonly #limits: Pick<
    Limits,
    'disconnectsMax' | 'disconnectsPerDomainMax' | 'disconnectWindowMs'
  >
  readonly #clock: Clock
  readonly #log: LogLine
  /** By seq, the one that had an end last behind all others; and the same of each owner. */
  readonly #entries = new Map<number, Entry>()
  readonly #ofOwner = new Map<string, Map<number, Entry>>()
  /** The last entry of a cause. */
  readonly #byCause = new Map<string, Entry>()
  readonly #totals = new Map<EndReason, number>(endReasons.map(reason => [reason, 0]))
  readonly #viewers = new Set<() => void>()
  #lastSeq = 0
  #lostSeq = 0
  #willTell = false

  constructor(
    limits: Pick<Limits, 'disconnectsMax' | 'disconnectsPerDomainMax' | 'disconnectWindowMs'>,
    clock: Clock,
    log: LogLine = () => undefined,
  ) {
    this.#limits = limits
    this.#clock = clock
    this.#log = log
  }

  /** Ends for each reason since the daemon started. */
  get totals(): ReadonlyMap<EndReason, number> {
    return this.#totals
  }

  /** The seq of the last entry; 0 while there is none. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** No entry up to this seq that gave way to others is kept. */
  get lostSeq(): number {
    return this.#lostSeq
  }

  /** Adds an end that has just been; viewers hear of it soon. */
  add(end: EndRecord): void {
    this.#totals.set(end.reason, this.#totals.get(end.reason)! + 1)
    const now = this.#clock.now()
    const known = this.#byCause.get(causeOf(end))
    const isSame = known !== undefined && now - known.lastAt <= this.#limits.disconnectWindowMs
    const count = isSame ? known.count + 1 : 1
    const firstAt = isSame ? known.firstAt : now
    if (isSame) this.#remove(known)
    const entry = { seq: this.#lastSeq + 1, count, firstAt, lastAt: now, end }
    this.#put(entry)
    if (isLogged(entry)) this.#write(entry)
    this.#tell()
  }

  /**
   * Takes over what was known before a restart: once, before anything ends.
   * @param known by rising seq; the newest are kept.
   */
  restore(known: readonly Disconnect[]): void {
    for (const entry of known) this.#put(entry)
  }

  /** Forgets what had its last end before a time, in milliseconds since the Unix epoch. */
  forget(before: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.lastAt >= before) return
      this.#remove(entry)
    }
  }

  /** Whether the entry with this seq is kept. */
  has(seq: number): boolean {
    return this.#entries.has(seq)
  }

  /** The last entries that the filter wants, oldest first. */
  recent(limit: number = this.#limits.disconnectsMax, filter: DisconnectFilter = {}): Disconnect[] {
    return this.after(0, filter).slice(-limit)
  }

  /** Entries that the filter wants and that had an end since this seq, in their order. */
  after(seq: number, filter: DisconnectFilter = {}): Disconnect[] {
    return [...this.#entries.values()].filter(entry => entry.seq > seq && isWanted(entry, filter))
  }

  /** The last entry of a domain. */
  lastOf(domain: Party): Disconnect | undefined {
    return [...(this.#ofOwner.get(ownerOf(domain))?.values() ?? [])].at(-1)
  }

  /**
   * Calls `onMore` after ends, however many there were.
   * @returns the function that ends this, or undefined when there are too many viewers.
   */
  watch(onMore: () => void): (() => void) | undefined {
    if (this.#viewers.size >= DISCONNECT_VIEWERS_MAX) return undefined
    this.#viewers.add(onMore)
    return () => this.#viewers.delete(onMore)
  }

  #put(disconnect: Disconnect): void {
    const cause = causeOf(disconnect.end)
    const owner = ownerOf(disconnect.end.domain)
    this.#makeRoom(owner)
    const entry = { ...disconnect, cause, owner }
    this.#lastSeq = entry.seq
    this.#entries.set(entry.seq, entry)
    this.#byCause.set(cause, entry)
    const own = this.#ofOwner.get(owner) ?? new Map<number, Entry>()
    this.#ofOwner.set(owner, own.set(entry.seq, entry))
  }

  #makeRoom(owner: string): void {
    const { disconnectsMax, disconnectsPerDomainMax } = this.#limits
    const own = this.#ofOwner.get(owner)
    if (own !== undefined && own.size >= disconnectsPerDomainMax) this.#lose(own)
    if (this.#entries.size >= disconnectsMax) this.#lose(this.#entries)
  }

  #lose(entries: ReadonlyMap<number, Entry>): void {
    const [oldest] = entries.values()
    assert(oldest !== undefined, 'what is full holds something')
    this.#remove(oldest)
    this.#lostSeq = Math.max(this.#lostSeq, oldest.seq)
  }

  #remove(entry: Entry): void {
    const { seq, cause, owner } = entry
    this.#entries.delete(seq)
    if (this.#byCause.get(cause) === entry) this.#byCause.delete(cause)
    const own = this.#ofOwner.get(owner)!
    own.delete(seq)
    if (own.size === 0) this.#ofOwner.delete(owner)
  }

  #write(entry: Disconnect): void {
    const { count, end } = entry
    const { reason, detail, limit, used, domain, session, tokenId, transport, remote } = end
    const fields = {
      reason,
      detail,
      limit,
      used,
      domain: domain?.name,
      session,
      tokenId,
      transport,
    }
    const times =
      count === 1 ? '' : `, ${count} times since ${new Date(entry.firstAt).toISOString()}`
    const what = session === undefined ? 'a client was not let in' : 'session ended'
    this.#log({ ...fields, ...remote, ...(count > 1 && { count }) }, `${what}${times}`)
  }

  #tell(): void {
    if (this.#viewers.size === 0 || this.#willTell) return
    this.#willTell = true
    setTimeout(() => {
      this.#willTell = false
      for (const onMore of this.#viewers) onMore()
    }, TELL_MS).unref()
  }
}

/** An entry as REST shows it. */
export function disconnectView({ seq, count, firstAt, lastAt, end }: Disconnect): DisconnectView {
  const { reason, detail, domain, session, tokenId, transport, remote, agent } = end
  const { by, code, limit, sentence, remedy } = endReasonInfo(reason)
  return {
    seq,
    reason,
    by,
    ...(code !== null && { code }),
    sentence,
    detail,
    remedy,
    ...(limit !== undefined && { limitName: limit }),
    ...(end.limit !== undefined && { limit: end.limit }),
    ...(end.used !== undefined && { used: end.used }),
    ...(domain !== undefined && { domain: domain.name, domainId: domain.id }),
    ...(session !== undefined && { session }),
    ...(tokenId !== undefined && { tokenId }),
    transport,
    ...(remote.address !== undefined && { address: remote.address }),
    ...(remote.pid !== undefined && { pid: remote.pid }),
    ...(remote.uid !== undefined && { uid: remote.uid }),
    ...(remote.comm !== undefined && { comm: remote.comm }),
    ...(agent && { agent }),
    count,
    firstAt,
    lastAt,
    livedMs: end.livedMs,
    datagramsSent: end.datagramsSent,
    datagramsReceived: end.datagramsReceived,
    bytesReceived: end.bytesReceived,
  }
}

/** No name of a domain is empty: that stands for all of whom nothing is known. */
function ownerOf(domain: Party | undefined): string {
  return domain === undefined ? '' : `${domain.name}#${domain.id}`
}

/** Whoever has not proved who it is could make up all that it says. */
function causeOf({ domain, reason, transport }: EndRecord): string {
  return `${ownerOf(domain)} ${reason} ${domain === undefined ? transport : ''}`
}

function isWanted({ end }: Disconnect, { domain, reason, by }: DisconnectFilter): boolean {
  if (domain !== undefined && end.domain?.name !== domain) return false
  if (reason !== undefined && end.reason !== reason) return false
  return by === undefined || endReasonInfo(end.reason).by === by
}

/** What clients do is none of the log's business, and that the daemon ends it says once. */
function isLogged({ count, end }: Disconnect): boolean {
  if (endReasonInfo(end.reason).by === 'client' || end.reason === 'shutdown') return false
  return /^10*$/.test(String(count))
}
