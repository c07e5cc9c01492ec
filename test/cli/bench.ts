import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { Measured, NOTHING_LEFT } from './fixtures/measured.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const measured = await Measured.start(t)
const { place, access } = measured

await t.test('bench makes two domains and a rule, measures, and removes them', async t => {
  for (const [way, transport] of [
    ['unix', 'unix'],
    ['ws', 'websocket'],
  ] as const) {
    const args = ['bench', '--messages', '3000', '--size', '64', '--transport', way]
    t.match(await measured.json(...args), {
      transport,
      payloadBytes: 64,
      datagrams: 3000,
      seconds: Number,
      datagramsPerSecond: Number,
      megabytesPerSecond: Number,
      waits: Number,
    })
    t.same(await measured.left(), NOTHING_LEFT)
  }
})

await t.test('with a rate it says how long datagrams take one way', async t => {
  const paced = ['bench', '--rate', '2000', '--messages', '200', '--seconds', '60']
  const result = (await measured.json(...paced)) as {
    datagrams: number
    latencyUs: Record<string, number>
  }
  const { count, min, p50, p90, p99, p999, p9999, max } = result.latencyUs
  t.same([result.datagrams, count], [200, 200])
  const rising = [0, min, p50, p90, p99, p999, p9999].map(Number)
  t.same(
    rising.toSorted((a, b) => a - b),
    rising,
  )
  // Percentiles are known to three digits, the maximum exactly.
  t.ok(p9999! <= max! * 1.01)
  const shown = await place.v4v(paced)
  t.match(shown.stdout, /^delivered +200 datagrams in [0-9.]+ s, none lost$/m)
  t.match(shown.stdout, /^p99\.99 +[0-9.]+ (us|ms)$/m)
  t.match(shown.stderr, /^bench-[0-9a-f]{8}-from sends datagrams of 1024 bytes to bench-/)
})

await t.test('results are printed as CSV, and percentiles written for a plotter', async t => {
  const hdr = join(t.testdir(), 'one-way.hgrm')
  const paced = ['bench', '--rate', '2000', '--messages', '100', '--seconds', '60']
  const { code, stdout, stderr } = await place.v4v([...paced, '-o', 'csv', '--hdr', hdr])
  t.equal(code, 0, stderr)
  const [names = [], values = [], ...rest] = stdout
    .trim()
    .split('\n')
    .map(line => line.split(','))
  t.same(rest, [])
  t.equal(names.length, values.length)
  const named = Object.fromEntries(names.map((name, i) => [name, values[i]]))
  t.match(named, { datagrams: '100', payloadBytes: '1024', 'latencyUs.count': '100' })
  for (const name of ['p50', 'p9999', 'max']) t.ok(Number(named[`latencyUs.${name}`]) > 0, name)
  const lines = readFileSync(hdr, 'utf8').split('\n')
  t.match(lines[0], /^ +Value +Percentile +TotalCount +1\/\(1-Percentile\)$/)
  t.match(
    lines.filter(line => line.includes(' 1.000000000000 ')),
    [/^ *[0-9.]+ 1\.0+ +100$/],
  )
  t.match(lines.at(-3), /^#\[Max {5}= +[0-9.]+, Total count {4}= +100\]$/)

  const unpaced = await place.v4v(['bench', '--hdr', hdr])
  t.match(unpaced, { code: 2, stderr: /--hdr is about the time [^\n]*; give a --rate as well/ })
  const nowhere = await place.v4v([...paced, '--hdr', join(hdr, 'x')])
  t.match(nowhere, { code: 1, stderr: /^v4v: can't write [^\n]+ENOTDIR/ })
  t.same(await measured.left(), NOTHING_LEFT)
})

await t.test('domains that are named are used under the policy as it is', async t => {
  const pair = ['bench', '--messages', '20', '--from', 'web']
  t.match(await measured.json(...pair, '--to', 'db:8'), { from: 'web', to: 'db:8' })
  const rejected = await place.v4v([...pair, '--to', 'db:9'])
  t.equal(rejected.code, 1)
  t.match(rejected.stderr, /v4v: EPERM: db:9: policy rejects [^\n]*"v4v rule add"\n$/)
  const unknown = await place.v4v([...pair, '--to', 'nobody'])
  t.equal(unknown.code, 1)
  t.match(unknown.stderr, /there is no domain "nobody"/)
})

await t.test('tokens can be given instead of the rights of an admin', async t => {
  const args = ['bench', '--url', access.url, '--from', 'web', '--to', 'db', '--messages', '10']
  const [web, db] = [access.tokens.get('web')!, access.tokens.get('db')!]
  const elsewhere = { V4V_STATE: '/nonexistent/v4v' }
  const run = (env: Record<string, string>): ReturnType<typeof place.v4v> =>
    place.v4v(args, { env: { ...elsewhere, ...env } })
  const given = await run({ V4V_FROM_TOKEN: web, V4V_TO_TOKEN: db })
  t.equal(given.code, 0, given.stderr)
  const swapped = await run({ V4V_FROM_TOKEN: db, V4V_TO_TOKEN: web })
  t.equal(swapped.code, 1)
  t.match(swapped.stderr, /the token is of domain web, not of db/)
  const none = await run({})
  t.equal(none.code, 1)
  t.match(none.stderr, /there is no token for web at http:[^\n]*set V4V_FROM_TOKEN/)
})

await t.test('a daemon that goes ends a measurement, which says what is left', async t => {
  // One sleeps between its datagrams, the other one waits for room.
  const ways = [['--rate', '100'], []]
  const children = ways.map(way => place.start(['bench', '--seconds', '3600', ...way]))
  const exits = children.map(child => once(child, 'close'))
  const readers = children.map(child => createInterface({ input: child.stderr! }))
  const said = readers.map(async reader => {
    const lines: string[] = []
    for await (const line of reader) lines.push(line)
    return lines
  })
  await Promise.all(readers.map(reader => once(reader, 'line')))
  place.child.kill('SIGKILL')
  t.same(await Promise.all(exits), [
    [1, null],
    [1, null],
  ])
  for (const lines of await Promise.all(said)) {
    t.match(
      lines.at(-2),
      /^v4v: to be removed by hand: rule r\d+, domain bench-\S+-to, domain bench-\S+-from/,
    )
    t.match(lines.at(-1), /^v4v: (the receiver: )?ECONNRESET: the session ended/)
  }
})
