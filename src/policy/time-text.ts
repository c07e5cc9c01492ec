import { quote } from '../abi/addr.js'

/** The last millisecond of the year 9999, which RFC 3339 can still write. */
export const TIME_MS_MAX = 253_402_300_799_999

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/
const durationPattern = /^([1-9]\d{0,8})(ms|s|m|h|d)$/
const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: MINUTE_MS,
  h: 3_600_000,
  d: DAY_MS,
}

/**
 * Reads a time as RFC 3339 writes it, such as `2026-11-20T12:30:00Z` or `2026-11-20T13:30:00+01:00`.
 * @returns milliseconds since the epoch, or a sentence that says what is wrong with the text.
 */
export function parseTime(text: string): number | string {
  const parts = timePattern.exec(text)
  if (parts === null) {
    return `${quote(text)} is not a time: write it as 2026-11-20T12:30:00Z, or with +01:00 in place of Z`
  }
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const offset = (parts[8] === '-' ? -1 : 1) * (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0))
  const isSound =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    Number(parts[9] ?? 0) <= 23 &&
    Number(parts[10] ?? 0) <= 59
  if (!isSound) return `${quote(text)} is a time that no clock shows`
  const days = daysFromEpoch(year, month, day)
  const millisecond = Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3))
  const at =
    days * DAY_MS + (hour * 60 + minute - offset) * MINUTE_MS + second * 1_000 + millisecond
  if (at < 0 || at > TIME_MS_MAX) return `${quote(text)} is not between the years 1970 and 9999`
  return at
}

/** Writes what `parseTime` reads, in UTC, with milliseconds where there are any. */
export function formatTime(at: number): string {
  const days = Math.floor(at / DAY_MS)
  const rest = at - days * DAY_MS
  const { year, month, day } = dateOf(days)
  const clock = [3_600_000, MINUTE_MS, 1_000].map((unit, i) =>
    pad(Math.floor(rest / unit) % (i === 0 ? 24 : 60), 2),
  )
  const fraction = rest % 1_000 === 0 ? '' : `.${pad(rest % 1_000, 3)}`
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${clock.join(':')}${fraction}Z`
}

/**
 * Reads a length of time, such as `500ms`, `30s`, `10m`, `12h` or `7d`.
 * @returns milliseconds, or a sentence that says what is wrong with the text.
 */
export function parseDuration(text: string): number | string {
  const parts = durationPattern.exec(text)
  if (parts === null) return `${quote(text)} is not a length of time such as 30s, 10m, 12h or 7d`
  return Number(parts[1]) * UNITS_MS[parts[2]!]!
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

// Years are counted from March, so that the leap day is the last of its year: then the days of the
// months before one are a linear function. (Howard Hinnant, "chrono-compatible low-level date
// algorithms".)
function daysFromEpoch(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = ((monthFromMarch + 2) % 12) + 1
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}
