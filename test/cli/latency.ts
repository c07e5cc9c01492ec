import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { Measured, NOTHING_LEFT } from './fixtures/measured.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const measured = await Measured.start(t)
const { place } = measured

await t.test('latency measures round trips between two domains of its own', async t => {
  for (const [way, transport] of [
    ['unix', 'unix'],
    ['ws', 'websocket'],
  ] as const) {
    const args = ['latency', '--messages', '50', '--transport', way]
    t.match(await measured.json(...args), {
      transport,
      payloadBytes: 64,
      roundTripsPerSecond: Number,
      roundTripUs: { count: 50, p50: Number, p9999: Number, max: Number },
    })
    t.same(await measured.left(), NOTHING_LEFT)
  }
  const hdr = join(t.testdir(), 'round-trips.hgrm')
  const csv = await place.v4v(['latency', '--messages', '20', '-o', 'csv', '--hdr', hdr])
  t.match(csv.stdout, /^from,to,.*,roundTripUs\.p9999,roundTripUs\.max\nbench-[^\n]+\n$/)
  t.match(readFileSync(hdr, 'utf8'), /^ *[0-9.]+ 1\.000000000000 +20$/m)
  const shown = await place.v4v(['latency', '--messages', '10', '--rate', '1000', '--size', '0'])
  t.match(shown.stdout, /and back, (shared-memory|unix), 0 bytes$/m)
  t.match(shown.stdout, /^round trips +10$/m)
})

await t.test('domains that are named need a rule for both ways', async t => {
  const pair = ['latency', '--messages', '20', '--from', 'web']
  t.match(await measured.json(...pair, '--to', 'db'), { from: 'web', to: 'db:7' })
  const oneWay = await place.v4v([...pair, '--to', 'db:8'])
  t.equal(oneWay.code, 1)
  t.match(oneWay.stderr, /v4v: the receiver: EPERM: web:\d+: policy rejects [^\n]*\n$/)
})

await t.test('Ctrl-C ends a measurement and leaves nothing behind', async t => {
  for (const name of ['bench', 'latency']) {
    const child = place.start([name, '--seconds', '3600'])
    const lines = createInterface({ input: child.stderr! })
    await once(lines, 'line') // it is measuring
    const exit = once(child, 'close')
    child.kill('SIGINT')
    t.same(await exit, [1, null], name)
    t.same(await measured.left(), NOTHING_LEFT, name)
  }
})
