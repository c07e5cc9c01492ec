import { InvalidArgumentError, Option, type Command } from 'commander'
import { MESSAGE_BYTES_MAX, RING_BYTES_MAX, roundUpToSlot } from '../../abi/limits.js'
import { usage } from '../fail.js'
import { parseBytes, parseCount } from '../parse.js'
import { withPair, type PairOptions } from './pair.js'
import { RESULT_FORMATS, type ResultFormat } from './result.js'
import type { Extent } from './sending.js'

/** Options of both commands that measure. */
export interface MeasureOptions extends PairOptions {
  readonly output: ResultFormat
  /** A file for the percentiles. */
  readonly hdr?: string
  readonly size: number
  readonly seconds?: number
  readonly messages?: number
  readonly rate?: number
}

const RING_BYTES = 4 * 1024 * 1024
/** A header, and the slot that stays free. */
const RING_BYTES_MORE = 32
const SECONDS_MAX = 86_400
const RATE_MAX = 10_000_000

/** Adds the options of both commands; their defaults differ. */
export function withMeasure(
  target: Command,
  sizeBytes: number,
  extent: string,
  rate: string,
): Command {
  return withPair(target)
    .addOption(
      new Option('-o, --output <format>', 'how to print it')
        .choices(RESULT_FORMATS)
        .default('table'),
    )
    .option('--hdr <file>', 'also write the percentiles, for the plotter of HdrHistogram')
    .option('--size <bytes>', 'bytes of each datagram, such as 64 or 16KiB', parseBytes, sizeBytes)
    .option('--seconds <n>', `how long to measure (${extent})`, parseSeconds)
    .option('--messages <n>', 'how many datagrams; with --seconds whichever is first', parseCount)
    .option('--rate <n>', `datagrams a second (${rate})`, parseRate)
}

/** When to stop. */
export function extentOf({ seconds, messages }: MeasureOptions, otherwise: Extent): Extent {
  if (seconds === undefined && messages === undefined) return otherwise
  return { seconds: seconds ?? SECONDS_MAX, messages: messages ?? Number.MAX_SAFE_INTEGER }
}

/** The length of a ring with room for datagrams of this size. */
export function ringBytesFor(size: number): number {
  if (size > MESSAGE_BYTES_MAX) {
    throw usage(`a datagram has at most ${MESSAGE_BYTES_MAX} bytes, not ${size}`)
  }
  const room = roundUpToSlot(size) + RING_BYTES_MORE
  return Math.min(RING_BYTES_MAX, Math.max(RING_BYTES, room * 4))
}

function parseSeconds(text: string): number {
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : 0
  if (seconds > 0 && seconds <= SECONDS_MAX) return seconds
  throw new InvalidArgumentError(`it must be a number of seconds such as 5 or 0.5.`)
}

function parseRate(text: string): number {
  const rate = Number(/^([0-9]+)(\/s)?$/.exec(text)?.[1] ?? 0)
  if (rate > 0 && rate <= RATE_MAX) return rate
  throw new InvalidArgumentError(`it must be a whole number from 1 to ${RATE_MAX}.`)
}
