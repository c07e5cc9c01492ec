import type { Command } from 'commander'
import { command } from '../command.js'
import { latencyFields, type Latency } from '../measure/latency.js'
import { extentOf, ringBytesFor, withMeasure, type MeasureOptions } from '../measure/options.js'
import { PAIR_HELP } from '../measure/pair.js'
import { checkWritable, printResult, writeHdr } from '../measure/result.js'
import { RoundTrips } from '../measure/round-trips.js'
import { withSession, type Session } from '../measure/session.js'
import { failed } from '../fail.js'
import { note } from '../output.js'

const SIZE_BYTES = 64
const MESSAGES = 10_000
const SECONDS_MAX = 60
const PROGRESS_MS = 1_000

/** What was measured. */
interface LatencyResult {
  readonly from: string
  readonly to: string
  readonly transport: string
  readonly payloadBytes: number
  readonly seconds: number
  readonly roundTripsPerSecond: number
  /** There and back, each way through the daemon and its policy. */
  readonly roundTripUs: Latency
}

/** `v4v latency`: how long datagrams take to another domain and back. */
export function latencyCommand(): Command {
  const target = command('latency', 'measure how long datagrams take there and back', [
    'v4v latency',
    'v4v latency --size 1KiB --messages 100000 -o json',
    'v4v latency -o csv --hdr round-trips.hgrm',
    'v4v latency --rate 100             # with pauses, as seldom traffic has them',
    'v4v latency --from web --to db:7   # under the policy as it is',
  ])
  return withMeasure(
    target,
    SIZE_BYTES,
    `${SECONDS_MAX} at most, unless --messages is given`,
    'the next when the last is back',
  )
    .addHelpText(
      'after',
      `
${MESSAGES} round trips are measured unless told, one at a time, after up to 1000 that are not counted.${PAIR_HELP}`,
    )
    .action(latency)
}

async function latency(options: MeasureOptions): Promise<void> {
  if (options.hdr !== undefined) await checkWritable(options.hdr)
  const job = { ringBytes: ringBytesFor(options.size), isStamped: false, echo: true }
  const result = await withSession(options, job, session => measure(session, options))
  const { from, to, transport, payloadBytes, roundTripUs } = result
  printResult(options.output, result, [
    ['flow', `${from} -> ${to} and back, ${transport}, ${payloadBytes} bytes`],
    ['round trips', roundTripUs.count],
    ['per second', result.roundTripsPerSecond.toFixed(0)],
    ...latencyFields(roundTripUs),
  ])
}

async function measure(session: Session, options: MeasureOptions): Promise<LatencyResult> {
  const { pair, transport, ring, to } = session
  const { size, rate, hdr } = options
  const extent = extentOf(options, { seconds: SECONDS_MAX, messages: MESSAGES })
  note(`${pair.from.name} sends datagrams of ${size} bytes to ${to}, which sends them back`)
  const trips = new RoundTrips(ring, to, size)
  const timer = setInterval(() => note(`${trips.count} round trips`), PROGRESS_MS)
  try {
    const { gauge, seconds } = await trips.run(extent, rate)
    const roundTripUs = gauge.report()
    const distribution = gauge.distribution()
    if (roundTripUs === undefined || distribution === undefined) {
      throw failed('no round trip was over in time')
    }
    if (hdr !== undefined) await writeHdr(hdr, distribution)
    const roundTripsPerSecond = roundTripUs.count / seconds
    return {
      from: pair.from.name,
      to,
      transport,
      payloadBytes: size,
      seconds,
      roundTripsPerSecond,
      roundTripUs,
    }
  } finally {
    clearInterval(timer)
  }
}
