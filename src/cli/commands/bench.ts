import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { command } from '../command.js'
import { failed, usage } from '../fail.js'
import { latencyFields, type Latency } from '../measure/latency.js'
import { extentOf, ringBytesFor, withMeasure, type MeasureOptions } from '../measure/options.js'
import { PAIR_HELP } from '../measure/pair.js'
import { checkWritable, printResult, writeHdr } from '../measure/result.js'
import type { Received } from '../measure/receiver-messages.js'
import { Sending } from '../measure/sending.js'
import { withSession, type Session } from '../measure/session.js'
import { nowNs, STAMP_BYTES, StampedPayload } from '../measure/time-stamp.js'
import { NS_PER_SECOND } from '../measure/units.js'
import { note } from '../output.js'

const SIZE_BYTES = 1024
const SECONDS = 5
const PROGRESS_MS = 1_000
const POLL_MS = 20
/** How long the last datagrams may stay away before they are taken for lost. */
const SILENT_MS_MAX = 5_000

/** What was measured. */
interface BenchResult {
  readonly from: string
  readonly to: string
  readonly transport: string
  readonly payloadBytes: number
  /** All of them arrived. */
  readonly datagrams: number
  readonly seconds: number
  readonly datagramsPerSecond: number
  readonly megabytesPerSecond: number
  /** How often the sender had to wait for room. */
  readonly waits: number
  /** One way, with a steady rate. */
  readonly latencyUs?: Latency
}

/** `v4v bench`: how much a daemon delivers from one domain to another. */
export function benchCommand(): Command {
  const target = command('bench', 'measure how much a daemon that runs delivers', [
    'v4v bench',
    'v4v bench --size 64 --seconds 10 -o json',
    'v4v bench --rate 10000             # how long datagrams take, one way, at this rate',
    'v4v bench --rate 10000 -o csv --hdr one-way.hgrm',
    'v4v bench --transport ws           # or unix, or shared-memory',
    'v4v bench --from web --to db:5432  # under the policy as it is',
  ])
  return withMeasure(
    target,
    SIZE_BYTES,
    `${SECONDS}, unless --messages is given`,
    'as many as there is room for; with a rate also the time they take, one way',
  )
    .addHelpText('after', PAIR_HELP)
    .action(bench)
}

async function bench(options: MeasureOptions): Promise<void> {
  const { size, rate, hdr } = options
  const ringBytes = ringBytesFor(size)
  if (rate !== undefined && size < STAMP_BYTES) {
    throw usage(`with --rate a datagram bears the time, which takes ${STAMP_BYTES} bytes`)
  }
  if (hdr !== undefined && rate === undefined) {
    throw usage('--hdr is about the time that datagrams take', 'give a --rate as well')
  }
  if (hdr !== undefined) await checkWritable(hdr)
  const job = { ringBytes, isStamped: rate !== undefined, echo: false }
  const result = await withSession(options, job, session => measure(session, options))
  printResult(options.output, result, fieldsOf(result))
}

async function measure(session: Session, options: MeasureOptions): Promise<BenchResult> {
  const { pair, transport, ring, to, receiver } = session
  const { size, rate, hdr } = options
  const extent = extentOf(options, { seconds: SECONDS, messages: Number.MAX_SAFE_INTEGER })
  const sending = new Sending(ring, to, new StampedPayload(size), extent)
  note(`${pair.from.name} sends datagrams of ${size} bytes to ${to}`)
  const stopProgress = showProgress(sending)
  const startedNs = nowNs()
  try {
    if (rate === undefined) await sending.fullSpeed()
    else await sending.steady(rate)
  } finally {
    stopProgress()
  }
  const { datagrams, waits } = sending
  const { lastAtNs, latency } = await allArrived(session, datagrams)
  const distribution = hdr === undefined ? undefined : await receiver.distribution()
  if (hdr !== undefined && distribution !== undefined) await writeHdr(hdr, distribution)
  const seconds = (lastAtNs - startedNs) / NS_PER_SECOND
  const perSecond = datagrams / seconds
  return {
    from: pair.from.name,
    to,
    transport,
    payloadBytes: size,
    datagrams,
    seconds,
    datagramsPerSecond: perSecond,
    megabytesPerSecond: (perSecond * size) / 1e6,
    waits,
    ...(latency === undefined ? {} : { latencyUs: latency }),
  }
}

/** Says on stderr how far it is. @returns what ends that. */
function showProgress(sending: Sending): () => void {
  let before = 0
  const timer = setInterval(() => {
    const { datagrams } = sending
    note(`${datagrams} sent, ${datagrams - before} in the last second`)
    before = datagrams
  }, PROGRESS_MS)
  return () => clearInterval(timer)
}

async function allArrived({ receiver }: Session, sent: number): Promise<Received> {
  let arrived = -1
  let silentSinceMs = performance.now()
  for (;;) {
    const received = await receiver.received()
    if (received.datagrams === sent) return received
    if (received.datagrams > arrived) silentSinceMs = performance.now()
    arrived = received.datagrams
    if (performance.now() - silentSinceMs > SILENT_MS_MAX) {
      throw failed(`${sent} datagrams were sent and only ${arrived} arrived`)
    }
    await sleep(POLL_MS)
  }
}

function fieldsOf(result: BenchResult): [name: string, text: string][] {
  const { from, to, transport, payloadBytes, datagrams, seconds, waits, latencyUs } = result
  return [
    ['flow', `${from} -> ${to}, ${transport}, ${payloadBytes} bytes`],
    ['delivered', `${datagrams} datagrams in ${seconds.toFixed(3)} s, none lost`],
    ['datagrams/s', result.datagramsPerSecond.toFixed(0)],
    ['MB/s', result.megabytesPerSecond.toFixed(1)],
    ['waits for room', String(waits)],
    ...(latencyUs === undefined ? [] : latencyFields(latencyUs)),
  ]
}
