import t from 'tap'
import type { Counters, Stats } from '../../src/cli/rest.js'
import { TrafficRates, type CountedRule, type TrafficSample } from '../../src/cli/traffic-rates.js'

const none = { datagrams: 0, bytes: 0 }
const quiet: Stats = {
  at: 10_000,
  revision: 3,
  startedAt: 1,
  rules: 2,
  sessions: 1,
  rings: 1,
  ringBytes: 4096,
  ringBytesUsed: 0,
  waiters: 0,
  verdicts: { accept: none, reject: none, drop: none, audit: none, ask: none },
  totals: counters({}),
  undelivered: {},
  domains: [],
}

function counters(some: Partial<Counters>): Counters {
  return {
    datagramsSent: 0,
    bytesSent: 0,
    datagramsReceived: 0,
    bytesReceived: 0,
    datagramsRefused: 0,
    datagramsDropped: 0,
    ...some,
  }
}

function domain(name: string, some: Partial<Counters>): Stats['domains'][number] {
  return { name, sessions: 1, counters: counters(some) }
}

function rule(id: string, hits: number, bytes = 0, limited = 0): CountedRule {
  return { id, action: 'accept', source: '*:*', destination: 'db:1', hits, bytes, limited }
}

function ring(port: number, usedBytes: number): TrafficSample['rings'][number] {
  const rest = { partner: '*', session: 1, length: 4096, datagrams: 0, senders: 0, waiters: 0 }
  return { domain: 'db', port, usedBytes, ...rest }
}

function sample(stats: Partial<Stats>, rules: CountedRule[] = [], rings = [ring(1, 0)]) {
  return { stats: { ...quiet, ...stats }, rules, rings }
}

await t.test('figures are of the time between two looks, for a second', async t => {
  const rates = new TrafficRates(
    sample({ domains: [domain('web', { datagramsSent: 100 })] }, [rule('a', 50), rule('b', 7)]),
    2,
  )
  t.equal(rates.at, 10_000)
  const seen = rates.next(
    sample(
      {
        at: 12_000,
        verdicts: { ...quiet.verdicts, reject: { datagrams: 4, bytes: 8 } },
        totals: counters({ datagramsReceived: 20, bytesReceived: 200 }),
        undelivered: { EPERM: 4, EAGAIN: 6 },
        domains: [
          domain('web', { datagramsSent: 110, bytesSent: 40, datagramsRefused: 10 }),
          domain('db', { datagramsReceived: 20, bytesReceived: 200 }),
          domain('idle', {}),
          domain('least', { datagramsSent: 2 }),
        ],
      },
      [rule('a', 60, 100, 3), rule('b', 7), rule('c', 30), rule('d', 2)],
      [ring(1, 32), ring(2, 0)],
    ),
  )!
  t.match(seen, {
    at: 12_000,
    seconds: 2,
    delivered: { datagrams: 10, bytes: 100 },
    verdicts: { accept: none, reject: { datagrams: 2, bytes: 4 } },
  })
  t.strictSame(Object.entries(seen.undelivered), [
    ['EAGAIN', 3],
    ['EPERM', 2],
  ])
  t.match(seen.topDomains, [
    { name: 'web', sent: { datagrams: 5, bytes: 20 }, received: none, refused: 5 },
    { name: 'db', sent: none, received: { datagrams: 10, bytes: 100 } },
  ])
  t.match(seen.topRules, [
    { id: 'c', datagrams: 15, limited: 0 },
    { id: 'a', datagrams: 5, bytes: 50, limited: 1.5 },
  ])
  t.strictSame([seen.topDomains.length, seen.topRules.length], [2, 2], 'only so many')
  t.strictSame(seen.fullestRings, [ring(1, 32)])
})

await t.test('who was left out of a look counts from the one before', async t => {
  const rates = new TrafficRates(
    sample({ domains: [domain('web', { datagramsSent: 100 })] }, [rule('a', 50)]),
    9,
  )
  const idle = rates.next(sample({ at: 11_000 }))!
  t.strictSame([idle.topDomains, idle.topRules], [[], []])
  const domains = [domain('web', { datagramsSent: 103 })]
  const seen = rates.next(sample({ at: 12_000, domains }, [rule('a', 54)]))!
  t.match([seen.topDomains[0], seen.topRules[0]], [{ sent: { datagrams: 3 } }, { datagrams: 4 }])
})

await t.test('counters that began again at zero make no nonsense', async t => {
  const full = counters({ datagramsReceived: 90 })
  const rates = new TrafficRates(sample({ totals: full }, [rule('zeroed', 50)]), 9)
  const seen = rates.next(sample({ at: 11_000 }, [rule('zeroed', 5)]))!
  t.equal(seen.delivered.datagrams, 0, 'a domain was removed')
  t.match(seen.topRules, [{ id: 'zeroed', datagrams: 5 }])
  t.equal(rates.next(sample({ at: 11_000 })), undefined, 'no time has passed')
  t.equal(rates.next(sample({ at: 12_000, startedAt: 2 })), undefined, 'it is another daemon')
  t.match(rates.next(sample({ at: 13_000, startedAt: 2 })), { seconds: 1 })
})
