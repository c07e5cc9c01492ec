import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { SeenFlow } from '../../src/policy/seen-flow.js'
import {
  findFlows,
  type FlowsQuery,
  FLOWS_FILE,
  openFlowStore,
  readFlows,
  type FlowsKept,
  type FlowStore,
} from '../../src/store/flow-store.js'

const DAY = 86_400_000
const kept: FlowsKept = { bytesMax: 1 << 30, ageMsMax: 7 * DAY }

function flow(
  source: string,
  port: number,
  lastAt: number,
  more: Partial<SeenFlow> = {},
): SeenFlow {
  return {
    source,
    sourcePort: 0x80000000,
    destination: 'db',
    destinationPort: port,
    type: 'dgram',
    effect: 'accept',
    rule: 'r1',
    datagrams: 2,
    bytes: 20,
    firstAt: lastAt - 5,
    lastAt,
    ...more,
  }
}

function open(t: Test, more: Partial<FlowsKept> = {}): FlowStore {
  const store = openFlowStore(join(t.testdir(), FLOWS_FILE), { ...kept, ...more })
  t.teardown(() => store.close())
  return store
}

await t.test('what was seen of a flow on a day is added up', async t => {
  const store = open(t)
  t.equal(statSync(store.path).mode & 0o777, 0o600)
  store.add([flow('a', 80, 1_000), flow('a', 81, 3_000)])
  store.add([flow('a', 80, 2_000, { datagrams: 5, bytes: 2 ** 53 })])
  t.same(findFlows(store.path, { since: 0 }, 10), [
    flow('a', 81, 3_000),
    flow('a', 80, 2_000, { datagrams: 7, bytes: 2 ** 53 + 20, firstAt: 995 }),
  ])
  store.add([flow('a', 80, DAY + 1)])
  t.equal(findFlows(store.path, { since: 0 }, 10).length, 3)
  t.ok(store.bytes() > 0)
})

await t.test('flows are found by time, verdict, ends and rule', async t => {
  const store = open(t)
  store.add([
    flow('a', 80, 1_000),
    flow('b', 80, 2_000, { effect: 'drop' }),
    flow('a', 80, 3_000, { destination: 'web', rule: 'default' }),
  ])
  const found = (query: FlowsQuery, limit = 10): number[] =>
    findFlows(store.path, query, limit).map(({ lastAt }) => lastAt)
  t.same(found({ since: 0 }), [3_000, 2_000, 1_000])
  t.same(found({ since: 2_000 }), [3_000, 2_000])
  t.same(found({ since: 0 }, 1), [3_000])
  t.same(found({ since: 0, effect: 'drop' }), [2_000])
  t.same(found({ since: 0, source: 'a' }), [3_000, 1_000])
  t.same(found({ since: 0, destination: 'db', source: 'a' }), [1_000])
  t.same(found({ since: 0, rule: 'default' }), [3_000])
  t.same(found({ since: DAY }), [])
})

await t.test('what is too old goes, a little at a time', async t => {
  const store = open(t)
  for (let i = 0; i < 9; i++) {
    store.add(Array.from({ length: 100 }, (_, port) => flow('a', 100 * i + port, 1_000)))
  }
  store.add([flow('a', 80, 8 * DAY)])
  const now = 8 * DAY + 5
  const turns = Array.from({ length: 10 }, () => store.prune(now))
  t.same(turns, [...Array.from({ length: 9 }, () => true), false])
  t.same(findFlows(store.path, { since: 0 }, 10), [flow('a', 80, 8 * DAY)])
})

await t.test('what does not fit goes, the oldest day first', async t => {
  const store = open(t, { bytesMax: 40_000 })
  for (let day = 1; day <= 9; day++) {
    for (let i = 0; i < 100; i++) store.add([flow('a'.repeat(60), i, day * DAY)])
  }
  t.ok(store.bytes() > 40_000)
  while (store.prune(9 * DAY));
  t.ok(store.bytes() <= 40_000)
  const days = findFlows(store.path, { since: 0 }, 1000).map(({ lastAt }) => lastAt / DAY)
  t.ok(days.length > 0)
  t.equal(Math.max(...days), 9)
  t.equal(Math.min(...days), 9 - new Set(days).size + 1, 'no day in between is missing')
  t.equal(open(t, { bytesMax: 0 }).prune(0), false, 'an empty file is as small as can be')
})

await t.test('another thread reads what is there while more is added', async t => {
  const store = open(t)
  store.add([flow('a', 80, 1_000), flow('a', 81, 2_000)])
  const rows = readFlows(store.path, 1_500)
  const first = rows.next()
  t.same(first.value, flow('a', 81, 2_000))
  store.add([flow('a', 82, 3_000)])
  t.equal(rows.next().done, true, 'as it was when the reading began')
  t.equal([...readFlows(store.path, 0)].length, 3)
  t.throws(() => [...readFlows(`${store.path}.none`, 0)], { name: 'StoreError' })
})

await t.test('a file that can not be read is put aside, for nothing hangs on it', async t => {
  const path = join(t.testdir(), FLOWS_FILE)
  const told: string[] = []
  const openIt = (): FlowStore => openFlowStore(path, kept, error => told.push(error.failure))
  writeFileSync(path, 'this is no database, and never was one. '.repeat(100))
  const store = openIt()
  store.add([flow('a', 80, 1_000)])
  store.close()
  t.match(readFileSync(`${path}.damaged`, 'utf8'), /never was/)
  const again = openIt()
  t.equal(findFlows(again.path, { since: 0 }, 9).length, 1)
  again.close()

  const newer = new Sqlite(path)
  newer.exec('PRAGMA user_version = 99; CREATE TABLE later (x)')
  newer.close()
  openIt().close()
  t.equal(told.length, 2)
  t.equal(told[1], 'newer')
  t.throws(() => openFlowStore(join(path, 'below'), kept), { name: 'StoreError' })
})
