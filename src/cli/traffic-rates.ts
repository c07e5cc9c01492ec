import { DOMID_MAX } from '../abi/addr.js'
import { CounterMemory } from './counter-memory.js'
import type { Counters, RingInfo, Stats } from './rest.js'
import type { RuleInfo } from './rest-policy.js'

/** More than there can be domains at a time, so that most who are forgotten are gone. */
const NAMES_MAX = 2 * DOMID_MAX

/** What is asked of a daemon each time. */
export interface TrafficSample {
  /** At least with the domains that were attached since the sample before; at first with all. */
  readonly stats: Stats
  /** At least those that decided something since the sample before; at first all. */
  readonly rules: readonly CountedRule[]
  /** The fullest. */
  readonly rings: readonly RingInfo[]
}

/** What is looked at of a rule. */
export type CountedRule = Pick<
  RuleInfo,
  'id' | 'action' | 'source' | 'destination' | 'hits' | 'bytes' | 'limited'
>

/** So many datagrams and bytes a second. */
export interface Rate {
  readonly datagrams: number
  readonly bytes: number
}

/** What is said as it was when the sample was taken. */
type State = Pick<
  Stats,
  'at' | 'revision' | 'rules' | 'sessions' | 'rings' | 'ringBytes' | 'ringBytesUsed' | 'waiters'
>

/** What went through a daemon between two samples, each figure for a second. */
export interface Traffic extends State {
  /** Between the two samples. */
  readonly seconds: number
  readonly delivered: Rate
  readonly verdicts: Readonly<Record<keyof Stats['verdicts'], Rate>>
  /** By the code that the sender was told. */
  readonly undelivered: Readonly<Record<string, number>>
  /** These and the following: those with the most first, and none without any. */
  readonly topDomains: readonly DomainTraffic[]
  readonly topRules: readonly RuleTraffic[]
  readonly fullestRings: readonly RingInfo[]
}

export interface DomainTraffic {
  readonly name: string
  readonly sessions: number
  readonly sent: Rate
  readonly received: Rate
  readonly refused: number
}

export interface RuleTraffic extends Rate {
  readonly id: string
  readonly action: string
  readonly source: string
  readonly destination: string
  /** Datagrams that a limit of it refused. */
  readonly limited: number
}

/** Compares samples, one after the other. */
export class TrafficRates {
  readonly #top: number
  readonly #domains = new CounterMemory<Counters>(NAMES_MAX)
  readonly #rules = new CounterMemory<CountedRule>(NAMES_MAX)
  #stats: Stats

  /** @param top how many domains, rules and rings are told of. */
  constructor(first: TrafficSample, top: number) {
    this.#top = top
    this.#stats = first.stats
    this.#keep(first)
  }

  /** When the last sample was taken, by the daemon's clock. */
  get at(): number {
    return this.#stats.at
  }

  /** @returns undefined when the daemon has begun anew, or no time has passed. */
  next(sample: TrafficSample): Traffic | undefined {
    const before = this.#stats
    const { stats } = sample
    const seconds = (stats.at - before.at) / 1000
    if (stats.startedAt !== before.startedAt || seconds <= 0) {
      this.#keep(sample)
      return undefined
    }
    const each: Each = (now, then = 0) => Math.max(0, now - then) / seconds
    const traffic = {
      ...stateOf(stats),
      seconds,
      delivered: receivedOf(stats.totals, before.totals, each),
      verdicts: verdictsOf(stats, before, each),
      undelivered: undeliveredOf(stats, before, each),
      topDomains: this.#topDomains(stats, each),
      topRules: this.#topRules(sample.rules, each),
      fullestRings: sample.rings.filter(ring => ring.usedBytes > 0).slice(0, this.#top),
    }
    this.#keep(sample)
    return traffic
  }

  #topDomains({ domains }: Stats, each: Each): DomainTraffic[] {
    return domains
      .map(({ name, sessions, counters }) => {
        const then = this.#domains.before(name, counters)
        return {
          name,
          sessions,
          sent: {
            datagrams: each(counters.datagramsSent, then?.datagramsSent),
            bytes: each(counters.bytesSent, then?.bytesSent),
          },
          received: receivedOf(counters, then, each),
          refused: each(counters.datagramsRefused, then?.datagramsRefused),
        }
      })
      .filter(domain => weightOf(domain) > 0)
      .toSorted((a, b) => weightOf(b) - weightOf(a))
      .slice(0, this.#top)
  }

  #topRules(rules: readonly CountedRule[], each: Each): RuleTraffic[] {
    return rules
      .map(rule => {
        const { id, action, source, destination, hits, bytes, limited } = rule
        const known = this.#rules.before(id, rule)
        // Counters that were zeroed, or are of another rule of that name, have begun at zero.
        const then = known !== undefined && known.hits > hits ? undefined : known
        return {
          id,
          action,
          source,
          destination,
          datagrams: each(hits, then?.hits),
          bytes: each(bytes, then?.bytes),
          limited: each(limited, then?.limited),
        }
      })
      .filter(({ datagrams, limited }) => datagrams > 0 || limited > 0)
      .toSorted((a, b) => b.datagrams - a.datagrams || b.limited - a.limited)
      .slice(0, this.#top)
  }

  #keep({ stats, rules }: TrafficSample): void {
    this.#stats = stats
    for (const { name, counters } of stats.domains) this.#domains.keep(name, counters)
    for (const rule of rules) this.#rules.keep(rule.id, rule)
  }
}

type Each = (now: number, then?: number) => number

function stateOf(stats: Stats): State {
  const { at, revision, rules, sessions, rings, ringBytes, ringBytesUsed, waiters } = stats
  return { at, revision, rules, sessions, rings, ringBytes, ringBytesUsed, waiters }
}

function receivedOf(now: Counters, then: Counters | undefined, each: Each): Rate {
  return {
    datagrams: each(now.datagramsReceived, then?.datagramsReceived),
    bytes: each(now.bytesReceived, then?.bytesReceived),
  }
}

function verdictsOf({ verdicts }: Stats, before: Stats, each: Each): Traffic['verdicts'] {
  const rate = (name: keyof Stats['verdicts']): Rate => ({
    datagrams: each(verdicts[name].datagrams, before.verdicts[name].datagrams),
    bytes: each(verdicts[name].bytes, before.verdicts[name].bytes),
  })
  return {
    accept: rate('accept'),
    reject: rate('reject'),
    drop: rate('drop'),
    audit: rate('audit'),
    ask: rate('ask'),
  }
}

function undeliveredOf({ undelivered }: Stats, before: Stats, each: Each): Record<string, number> {
  const rates = Object.entries(undelivered)
    .map(([reason, count]) => [reason, each(count, before.undelivered[reason])] as const)
    .filter(([, rate]) => rate > 0)
    .toSorted(([, a], [, b]) => b - a)
  return Object.fromEntries(rates)
}

function weightOf({ sent, received, refused }: DomainTraffic): number {
  return sent.datagrams + received.datagrams + refused
}
