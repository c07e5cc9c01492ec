import fc from 'fast-check'
import t from 'tap'
import { formatTime, parseDuration, parseTime, TIME_MS_MAX } from '../../src/policy/time-text.js'

await t.test('a time is read as RFC 3339 writes it', async t => {
  const times: [string, string][] = [
    ['2026-11-20T12:30:00Z', '2026-11-20T12:30:00.000Z'],
    ['2026-11-20t12:30:00z', '2026-11-20T12:30:00.000Z'],
    ['2026-11-20 12:30:00Z', '2026-11-20T12:30:00.000Z'],
    ['2026-11-20T12:30:00+01:30', '2026-11-20T11:00:00.000Z'],
    ['2026-11-20T12:30:00-01:30', '2026-11-20T14:00:00.000Z'],
    ['2026-11-20T12:30:00.5Z', '2026-11-20T12:30:00.500Z'],
    ['2026-11-20T12:30:00.123456789Z', '2026-11-20T12:30:00.123Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T23:59:59Z', '2000-02-29T23:59:59.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
  ]
  for (const [text, expected] of times) t.equal(parseTime(text), Date.parse(expected), text)
})

await t.test('what is not a time is refused', async t => {
  const refusals: [string, RegExp][] = [
    ['', /"" is not a time: write it as 2026-11-20T12:30:00Z/],
    ['tomorrow', /"tomorrow" is not a time/],
    ['2026-11-20', /is not a time/],
    ['2026-11-20T12:30:00', /is not a time/],
    ['2026-13-20T12:30:00Z', /a time that no clock shows/],
    ['2026-00-20T12:30:00Z', /a time that no clock shows/],
    ['2026-11-31T12:30:00Z', /a time that no clock shows/],
    ['2026-11-00T12:30:00Z', /a time that no clock shows/],
    ['2026-02-29T12:30:00Z', /a time that no clock shows/],
    ['2100-02-29T12:30:00Z', /a time that no clock shows/],
    ['2026-11-20T24:00:00Z', /a time that no clock shows/],
    ['2026-11-20T12:60:00Z', /a time that no clock shows/],
    ['2026-11-20T12:30:60Z', /a time that no clock shows/],
    ['2026-11-20T12:30:00+24:00', /a time that no clock shows/],
    ['2026-11-20T12:30:00+01:60', /a time that no clock shows/],
    ['1969-12-31T23:59:59Z', /not between the years 1970 and 9999/],
    ['9999-12-31T23:59:59-01:00', /not between the years 1970 and 9999/],
  ]
  for (const [text, expected] of refusals) t.match(parseTime(text), expected, text)
})

await t.test('every time is written as JavaScript writes it, and reads back', async () => {
  const at = fc.oneof(
    fc.integer({ min: 0, max: TIME_MS_MAX }),
    fc.integer({ min: 0, max: 253_402_300_799 }).map(seconds => seconds * 1_000),
  )
  fc.assert(
    fc.property(at, ms => {
      const text = formatTime(ms)
      return text === new Date(ms).toISOString().replace('.000Z', 'Z') && parseTime(text) === ms
    }),
    { numRuns: 5_000 },
  )
})

await t.test('a length of time has a unit', async t => {
  const lengths: [string, number][] = [
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
  ]
  for (const [text, ms] of lengths) t.equal(parseDuration(text), ms)
  for (const text of ['', '10', '0s', '-1s', '1.5h', 'm', '1w', '1000000000s']) {
    t.match(parseDuration(text), /is not a length of time such as 30s, 10m, 12h or 7d/, text)
  }
})
