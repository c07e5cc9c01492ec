import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'
import { Counter, Gauge, Registry } from 'prom-client'
import { ACTIONS } from '../policy/rule.js'
import type { Stats } from './schemas/stats.js'
import type { Services } from './services.js'
import type { RuleHits } from './services/rules.js'

/** Rules with a time series of their own; those behind are counted together as "other". */
const RULE_SERIES_MAX = 1_000
const LOOP_RESOLUTION_MS = 10
const NANOSECONDS = 1e9
const MICROSECONDS = 1e6

/** What Prometheus is told. It is computed when it is asked for; the data path does nothing for it. */
export class Metrics {
  readonly #services: Services
  readonly #registry = new Registry()
  readonly #loopDelay: IntervalHistogram
  readonly #datagrams = this.#counter(
    'v4v_datagrams_total',
    'Datagrams that the policy has decided.',
    'verdict',
  )
  readonly #bytes = this.#counter(
    'v4v_bytes_total',
    'Payload bytes of datagrams that the policy has decided.',
    'verdict',
  )
  readonly #domains = this.#gauge('v4v_domains', 'Domains known.')
  readonly #sessions = this.#gauge('v4v_sessions', 'Sessions attached.')
  readonly #rings = this.#gauge('v4v_rings', 'Rings registered.')
  readonly #ringBytes = this.#gauge('v4v_ring_bytes', 'Length of all rings.')
  readonly #ringBytesUsed = this.#gauge(
    'v4v_ring_used_bytes',
    'Bytes in rings that are not consumed.',
  )
  readonly #rules = this.#gauge('v4v_rules', 'Rules in force.')
  readonly #revision = this.#gauge('v4v_policy_revision', 'Revision of the policy in force.')
  readonly #disconnects = this.#counter(
    'v4v_disconnects_total',
    'Sessions that ended, and attempts to attach that came to nothing.',
    'reason',
  )
  readonly #viewers = this.#gauge('v4v_flow_viewers', 'Viewers that follow the flow log.')
  readonly #delay = this.#gauge(
    'v4v_event_loop_delay_seconds',
    'Delay of the event loop since the last time this was asked for.',
    'quantile',
  )
  readonly #memory = this.#gauge('process_resident_memory_bytes', 'Resident memory.')
  readonly #cpu = this.#counter('process_cpu_seconds_total', 'CPU time of user and system.')

  constructor(services: Services) {
    this.#services = services
    this.#loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
    this.#loopDelay.enable()
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  async render(): Promise<string> {
    const hits = await this.#services.rules.hits(RULE_SERIES_MAX)
    this.#readStats(await this.#services.live.stats())
    this.#readProcess()
    return `${await this.#registry.metrics()}\n${ruleHitsText(hits)}`
  }

  /** Stops measuring. */
  close(): void {
    this.#loopDelay.disable()
  }

  #readStats(stats: Stats): void {
    this.#datagrams.reset()
    this.#bytes.reset()
    for (const verdict of ACTIONS) {
      this.#datagrams.inc({ verdict }, stats.verdicts[verdict].datagrams)
      this.#bytes.inc({ verdict }, stats.verdicts[verdict].bytes)
    }
    this.#domains.set(stats.domains.length)
    this.#sessions.set(stats.sessions)
    this.#rings.set(stats.rings)
    this.#ringBytes.set(stats.ringBytes)
    this.#ringBytesUsed.set(stats.ringBytesUsed)
    this.#rules.set(stats.rules)
    this.#revision.set(stats.revision)
    this.#disconnects.reset()
    for (const [reason, count] of this.#services.disconnects.totals) {
      this.#disconnects.inc({ reason }, count)
    }
    this.#viewers.set(this.#services.flows.viewers)
  }

  #readProcess(): void {
    const delay = this.#loopDelay
    for (const percent of [50, 99, 99.9]) {
      const seconds = delay.count === 0 ? 0 : delay.percentile(percent) / NANOSECONDS
      this.#delay.set({ quantile: String(percent / 100) }, seconds)
    }
    delay.reset()
    this.#memory.set(process.memoryUsage.rss())
    const { user, system } = process.cpuUsage()
    this.#cpu.reset()
    this.#cpu.inc((user + system) / MICROSECONDS)
  }

  #counter<Label extends string>(name: string, help: string, ...labelNames: Label[]) {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #gauge<Label extends string>(name: string, help: string, ...labelNames: Label[]) {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] })
  }
}

// Not by the registry: that takes milliseconds for a thousand. An id needs no quoting.
function ruleHitsText({ first, rest }: RuleHits): string {
  const name = 'v4v_rule_hits_total'
  const hits = new Map(first)
  // A rule may be called "other" itself, and is counted with them then.
  if (rest !== undefined) hits.set('other', (first.get('other') ?? 0) + rest)
  const help = 'Datagrams that a rule has decided; "default" is for those that none matched.'
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} counter`]
  for (const [rule, count] of hits) lines.push(`${name}{rule="${rule}"} ${count}`)
  return `${lines.join('\n')}\n`
}
