import { InvalidArgumentError } from 'commander'
import { parseEndpoint, parsePort, type Endpoint, type Port } from '../abi/addr.js'
import { parseDuration as parseLengthOfTime } from '../policy/time-text.js'
import { usage } from './fail.js'

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1000,
  kib: 1024,
  m: 1_000_000,
  mb: 1_000_000,
  mib: 1024 * 1024,
}

const DURATION_MS_MAX = 86_400_000

/** Reads a whole number from 1 up. */
export function parseCount(text: string): number {
  if (/^[0-9]{1,15}$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('it must be a whole number from 1 up.')
}

/** Reads a number of bytes such as `65536`, `64KiB` or `1MiB`. */
export function parseBytes(text: string): number {
  const match = /^([0-9]{1,10})([a-z]{0,3})$/i.exec(text)
  const unit = units[match?.[2]?.toLowerCase() ?? '?']
  if (match !== null && unit !== undefined) return Number(match[1]) * unit
  throw new InvalidArgumentError('it must be a number of bytes such as 65536, 64KiB or 1MiB.')
}

/** Reads a duration such as `500ms`, `2s`, `1.5s` or `1m`, from 1 ms to a day, in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m)$/.exec(text)
  const unit = match?.[2] === 'ms' ? 1 : match?.[2] === 's' ? 1000 : 60_000
  const ms = Math.round(Number(match?.[1]) * unit)
  // A timer takes what is too much for it, and what is no number, for a millisecond.
  if (ms >= 1 && ms <= DURATION_MS_MAX) return ms
  throw new InvalidArgumentError('it must be a time such as 500ms, 2s or 1m, up to a day.')
}

/** Reads a length of time such as `30s`, `10m`, `12h` or `7d`, in milliseconds. */
export function parseLifetime(text: string): number {
  const ms = parseLengthOfTime(text)
  if (typeof ms === 'number') return ms
  throw new InvalidArgumentError('it must be a time such as 30s, 10m, 12h or 7d.')
}

/** Reads the port of a ring. */
export function parsePortArgument(text: string): Port {
  const port = parsePort(text)
  if (port !== undefined) return port
  throw new InvalidArgumentError('it must be a decimal number from 0 to 4294967294.')
}

/**
 * Reads where to send.
 * @throws Failure with exit code 2.
 */
export function endpointOf(text: string): Endpoint {
  const endpoint = parseEndpoint(text)
  if (typeof endpoint === 'string') throw usage(endpoint)
  return endpoint
}
