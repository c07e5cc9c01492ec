/**
 * How long changes of a large policy take, and how long datagrams have to wait for them:
 * `node dist/bench/apply.js [RULES] [TIMES] [DATAGRAMS]`. The daemon, whoever asks, and the domain
 * that sends each have a process of their own. Five thousand times a second that domain sends so
 * many datagrams (1 unless told) through the daemon to itself, and notes the longest that one took.
 * A machine does more than one thing, so after each request the same is noted for as long without
 * one; and what was under way while the process that notes it had no processor itself, which no
 * daemon can help, is noted apart. `bench/turns.ts` looks at the same from within the daemon.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminCommands } from './scenarios/actors/admin.js'
import type { PulseCommands, PulseReport } from './scenarios/actors/pulse.js'
import { BenchDaemon, policyOf } from './scenarios/bench-daemon.js'
import { Crew } from './scenarios/crew.js'
import { spreadOf } from './statistics.js'
import { table } from './text.js'

const DOMAIN = 'pulse'
const PORT = 5000
const RULE = `${DOMAIN}:* -> ${DOMAIN}:${PORT}`
const PAUSE_MS = 50

/** What is noted of requests of one kind, in milliseconds. */
interface Figures {
  readonly took: number[]
  readonly during: PulseReport[]
  readonly without: PulseReport[]
}

const [rules = 10_000, times = 12, datagrams = 1] = process.argv.slice(2).map(Number)
const crew = new Crew(undefined)
try {
  await Promise.race([measure(), crew.failed])
} finally {
  await crew.end()
}

async function measure(): Promise<void> {
  const daemon = await BenchDaemon.start(crew, 'daemon', policyOf(0, [RULE]))
  await daemon.addDomains([DOMAIN])
  const pulse = crew.actor<PulseCommands>('pulse')
  const door = daemon.door(DOMAIN)
  await pulse.call('start', { door, to: `${DOMAIN}:${PORT}`, port: PORT, datagrams })
  const admin = crew.actor<AdminCommands>('admin')
  const { url, token } = daemon
  const titles = await admin.call('start', { url, token, rules, last: RULE })
  const rows: string[][] = []
  for (const [kind, title] of titles.entries()) {
    const figures: Figures = { took: [], during: [], without: [] }
    for (let number = 0; number < times; number++) {
      await pulse.call('take')
      const tookMs = await admin.call('ask', kind, number)
      await sleep(PAUSE_MS)
      figures.during.push(await pulse.call('take'))
      await sleep(tookMs + PAUSE_MS)
      figures.without.push(await pulse.call('take'))
      figures.took.push(tookMs)
    }
    rows.push([title, ...cellsOf(figures)])
  }
  console.log(
    table(
      [
        `${times} times, median / worst, ms`,
        'took',
        'longest wait of a datagram',
        'without the request',
        'longest wait, measured without a pause',
        'without the request',
      ],
      rows,
    ),
  )
}

function cellsOf({ took, during, without }: Figures): string[] {
  return [
    took,
    during.map(({ longestMs }) => longestMs),
    without.map(({ longestMs }) => longestMs),
    during.map(({ longestAwakeMs }) => longestAwakeMs),
    without.map(({ longestAwakeMs }) => longestAwakeMs),
  ].map(values => {
    const { median, max } = spreadOf(values)
    return `${median.toFixed(1)} / ${max.toFixed(1)}`
  })
}
