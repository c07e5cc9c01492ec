import t from 'tap'
import {
  endpointOf,
  parseBytes,
  parseCount,
  parseDuration,
  parsePortArgument,
} from '../../src/cli/parse.js'

await t.test('a count is a whole number from 1 up', async t => {
  t.equal(parseCount('12'), 12)
  for (const text of ['0', '-1', '1.5', '', 'x', '1e3']) t.throws(() => parseCount(text))
})

await t.test('a number of bytes may have a unit', async t => {
  t.equal(parseBytes('65536'), 65536)
  t.equal(parseBytes('64KiB'), 65536)
  t.equal(parseBytes('1MiB'), 1024 * 1024)
  t.equal(parseBytes('2k'), 2000)
  for (const text of ['', 'MiB', '1GiBs', '-1', '1.5MiB', '1xyz']) t.throws(() => parseBytes(text))
})

await t.test('a duration has a unit', async t => {
  t.equal(parseDuration('500ms'), 500)
  t.equal(parseDuration('1.5s'), 1500)
  t.equal(parseDuration('2m'), 120_000)
  t.equal(parseDuration('1440m'), 86_400_000)
  // Timers take what is too long for them for a millisecond.
  for (const text of ['5', 's', '-1s', '1h', '0ms', '0.001ms', '1441m', '999999999m']) {
    t.throws(() => parseDuration(text), { message: /up to a day/ }, text)
  }
})

await t.test('a port and an address are checked before a daemon is asked', async t => {
  t.equal(parsePortArgument('514'), 514)
  t.throws(() => parsePortArgument('4294967295'))
  t.same(endpointOf('web:80'), { domain: 'web', port: 80 })
  t.throws(() => endpointOf('web'), { exitCode: 2, message: /has no port/ })
})
