import { ok } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import type { EndReason } from '../../src/abi/end-reason.js'
import {
  DISCONNECT_VIEWERS_MAX,
  DisconnectLog,
  disconnectView,
} from '../../src/control/disconnect-log.js'
import type { EndRecord } from '../../src/hypervisor/session-end.js'
import { until } from '../fixtures/daemon.js'

const WINDOW_MS = 60_000

/** A log that stands still in time until it is told to go on. */
class Probe {
  now = 1_800_000_000_000
  readonly lines: string[] = []
  readonly log: DisconnectLog

  constructor(disconnectsMax = 100, disconnectsPerDomainMax = 10) {
    const limits = { disconnectsMax, disconnectsPerDomainMax, disconnectWindowMs: WINDOW_MS }
    this.log = new DisconnectLog(limits, { now: () => this.now }, (fields, message) =>
      this.lines.push(`${String(fields['reason'])}: ${message}`),
    )
  }

  end(reason: EndReason, more: Partial<EndRecord> = {}): void {
    this.log.add(record(reason, more))
  }

  /** What is kept: whose, what for, how often. */
  get kept(): string[] {
    return this.log
      .recent()
      .map(({ end, count }) => `${end.domain?.name ?? '-'} ${end.reason} ${count}`)
  }
}

function record(reason: EndReason, more: Partial<EndRecord> = {}): EndRecord {
  return {
    reason,
    detail: 'so it was',
    transport: 'unix',
    remote: {},
    livedMs: 10,
    datagramsSent: 1,
    datagramsReceived: 2,
    bytesReceived: 64,
    ...more,
  }
}

const web = { name: 'web', id: 1 }
const db = { name: 'db', id: 2 }

await t.test('ends of a domain for one cause are one entry, which tells of the last', async t => {
  const probe = new Probe()
  for (let session = 1; session <= 3; session++) {
    probe.end('slow-reader', { domain: web, session, used: session })
    probe.now += WINDOW_MS
  }
  probe.end('slow-reader', { domain: db })
  probe.end('kicked', { domain: web })
  t.same(probe.kept, ['web slow-reader 3', 'db slow-reader 1', 'web kicked 1'])
  const [first] = probe.log.recent()
  t.equal(first!.lastAt - first!.firstAt, 2 * WINDOW_MS, 'one came within the time of the other')
  t.match(first!.end, { session: 3, used: 3 })
})

await t.test('what ends later than that is an entry of its own', async t => {
  const probe = new Probe()
  probe.end('left', { domain: web })
  probe.now += WINDOW_MS + 1
  probe.end('left', { domain: web })
  probe.end('left', { domain: web })
  t.same(probe.kept, ['web left 1', 'web left 2'])
})

await t.test('a domain that was removed and one that has its name now are two', async t => {
  const probe = new Probe()
  probe.end('domain-removed', { domain: web })
  probe.end('left', { domain: { ...web, id: 7 } })
  t.match(probe.log.lastOf(web), { end: { reason: 'domain-removed' } })
  t.match(probe.log.lastOf({ ...web, id: 7 }), { end: { reason: 'left' } })
  t.equal(probe.log.recent(9, { domain: 'web' }).length, 2)
  t.equal(probe.log.lastOf(db), undefined)
})

await t.test('who did not prove who it is counts by the way it came', async t => {
  const probe = new Probe()
  for (let pid = 0; pid < 50; pid++) {
    probe.end('token-unknown', { remote: { pid }, agent: `I am number ${pid}` })
    probe.end('token-unknown', { transport: 'websocket' })
  }
  t.same(probe.kept, ['- token-unknown 50', '- token-unknown 50'])
})

await t.test('each owner has its share, and the oldest give way', async t => {
  const probe = new Probe(4, 2)
  for (const reason of ['kicked', 'left', 'slow-reader'] as const) {
    probe.end(reason, { domain: web })
  }
  t.same(probe.kept, ['web left 1', 'web slow-reader 1'])
  t.equal(probe.log.lostSeq, 1)
  probe.end('left', { domain: web })
  t.same(probe.kept, ['web slow-reader 1', 'web left 2'], 'one that counts more is not the oldest')
  probe.end('hello-late')
  probe.end('left', { domain: db })
  probe.end('kicked', { domain: db })
  t.same(probe.kept, ['web left 2', '- hello-late 1', 'db left 1', 'db kicked 1'])
  probe.end('kicked', { domain: web })
  t.same(probe.kept, ['- hello-late 1', 'db left 1', 'db kicked 1', 'web kicked 1'])
})

await t.test('however sessions end, it stays within its bounds and loses count of none', t => {
  const reasons = ['left', 'kicked', 'hello-late', 'frame-type'] as const
  const end = fc.record({
    reason: fc.constantFrom(...reasons),
    domain: fc.constantFrom(undefined, web, db, { name: 'web', id: 3 }),
    transport: fc.constantFrom('unix', 'websocket'),
    afterMs: fc.constantFrom(0, 0, WINDOW_MS, WINDOW_MS + 1),
  })
  fc.assert(
    fc.property(fc.array(end, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (ends, max) => {
      const probe = new Probe(max, 3)
      for (const { afterMs, ...more } of ends) {
        probe.now += afterMs
        probe.end(more.reason, more)
      }
      const kept = probe.log.recent()
      ok(kept.length <= max)
      const owners = kept.map(({ end: { domain } }) => `${domain?.name}${domain?.id}`)
      for (const owner of owners) ok(owners.filter(each => each === owner).length <= 3)
      ok(kept.every(({ seq }, i) => i === 0 || kept[i - 1]!.seq < seq))
      ok(kept.every(({ count, firstAt, lastAt }) => firstAt <= lastAt && count >= 1))
      ok(ends.length === 0 || kept.at(-1)!.seq === ends.length)
      for (const reason of reasons) {
        const all = ends.filter(each => each.reason === reason).length
        ok(probe.log.totals.get(reason) === all)
        const counted = probe.log.recent(max, { reason }).reduce((sum, { count }) => sum + count, 0)
        ok(counted <= all)
      }
    }),
  )
  t.end()
})

await t.test('what the daemon ends is logged the first time, the tenth, the hundredth', async t => {
  const probe = new Probe()
  for (let i = 0; i < 250; i++) {
    probe.end('ping-timeout', { domain: web, session: i })
    probe.end('token-unknown')
    probe.end('left', { domain: web, session: i })
    probe.end('shutdown', { domain: web, session: i })
  }
  const since = /^ping-timeout: session ended, 100 times since 2027-01-15T08:00:00.000Z$/
  t.match(probe.lines, [
    'ping-timeout: session ended',
    'token-unknown: a client was not let in',
    /^ping-timeout: session ended, 10 times/,
    /^token-unknown: a client was not let in, 10 times/,
    since,
    /100 times/,
  ])
  t.equal(probe.lines.length, 6)
})

await t.test('they are found by domain, reason and side, the last of them', async t => {
  const probe = new Probe()
  probe.end('left', { domain: web })
  probe.end('kicked', { domain: web })
  probe.end('kicked', { domain: db })
  const found = (...args: Parameters<DisconnectLog['recent']>): number[] =>
    probe.log.recent(...args).map(({ seq }) => seq)
  t.same(found(2), [2, 3])
  t.same(found(9, { domain: 'web' }), [1, 2])
  t.same(found(9, { reason: 'kicked' }), [2, 3])
  t.same(found(9, { by: 'client' }), [1])
  t.same(found(9, { by: 'daemon', domain: 'db', reason: 'left' }), [])
})

await t.test('viewers hear of ends together, and there is a limit to them', async t => {
  const probe = new Probe()
  let told = 0
  const ends = Array.from({ length: DISCONNECT_VIEWERS_MAX }, () =>
    probe.log.watch(() => void told++),
  )
  t.equal(
    probe.log.watch(() => undefined),
    undefined,
  )
  for (let i = 0; i < 1000; i++) probe.end('left', { domain: web })
  await until(
    () => told,
    count => count > 0,
  )
  t.equal(told, DISCONNECT_VIEWERS_MAX)
  for (const end of ends) end!()
  t.type(
    probe.log.watch(() => undefined),
    'function',
  )
})

await t.test('an entry is shown with what is known, and nothing else', async t => {
  const probe = new Probe()
  probe.end('slow-reader', {
    domain: web,
    session: 7,
    tokenId: 3,
    remote: { pid: 12, uid: 1000, comm: 'web' },
    agent: 'v4v',
    limit: 100,
    used: 101,
  })
  probe.end('left-early', { transport: 'websocket', remote: { address: '127.0.0.1:5' }, agent: '' })
  const [first, second] = probe.log.recent().map(disconnectView)
  t.match(first, {
    reason: 'slow-reader',
    by: 'daemon',
    code: 'ENOSPC',
    limitName: 'sessionOutputBytesMax',
    limit: 100,
    used: 101,
    domain: 'web',
    domainId: 1,
    session: 7,
    tokenId: 3,
    pid: 12,
    uid: 1000,
    comm: 'web',
    agent: 'v4v',
  })
  t.same(second, {
    seq: 2,
    reason: 'left-early',
    by: 'client',
    sentence: 'a client went away before it had said who it is',
    detail: 'so it was',
    remedy: second!.remedy,
    transport: 'websocket',
    address: '127.0.0.1:5',
    count: 1,
    firstAt: probe.now,
    lastAt: probe.now,
    livedMs: 10,
    datagramsSent: 1,
    datagramsReceived: 2,
    bytesReceived: 64,
  })
})
