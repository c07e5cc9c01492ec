import fc from 'fast-check'
import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { defaultLimits } from '../../src/abi/limits.js'
import { RateLimiter } from '../../src/hypervisor/rate-limiter.js'
import type { Rule } from '../../src/policy/rule.js'
import { ACCEPT_ALL, Machine, payload, policyOf, type Client } from './fixtures/machine.js'

const port = 80 as Port
const one = [payload(1)]
const many = Array.from({ length: 10 }, () => payload(1))

/** A receiver with a ring at 80, and two senders that have ports 1 and 2. */
function trio(
  rules: readonly string[],
  limits = {},
): { machine: Machine; web: Client; a: Client; b: Client } {
  const machine = new Machine(rules, limits)
  const web = machine.client('web')
  web.ring(80, 65_536)
  const [a, b] = [machine.client('a'), machine.client('b')]
  for (const client of [a, b]) {
    client.ring(1)
    client.ring(2)
  }
  return { machine, web, a, b }
}

function limiterOf(limits: Partial<typeof defaultLimits>, ...rules: string[]) {
  const state = { now: 0, dues: [] as number[] }
  const limiter = new RateLimiter(
    { ...defaultLimits, ...limits },
    () => state.now,
    at => state.dues.push(at),
    () => undefined,
  )
  const made = policyOf(1, ...rules).rules as Rule[]
  limiter.replace(made)
  const room = (sourcePort: number, source = 1, rule = made[0]!): number =>
    limiter.room(rule, source as never, sourcePort as Port, 9 as never, port)
  return { state, limiter, room, rules: made }
}

await t.test('a rate lets a prefix of a run through, and the rest waits for its time', async t => {
  const { machine, web, a } = trio(['accept *:* -> *:* rate 10/s burst 4'])
  t.match(a.run('web:80', many), { accepted: 4, refused: 6, code: 'EDQUOT' })
  t.same(a.sink.take(), [])
  t.same(machine.dues, [100])
  t.match(a.run('web:80', one), { accepted: 0, refused: 1, code: 'EAGAIN' }, 'not in between')
  machine.pass(99)
  t.same(a.sink.take(), [])
  machine.pass(1)
  t.same(a.sink.take(), ['space web:80 16'])
  t.match(a.run('web:80', many.slice(4), { retry: true }), { accepted: 1, refused: 5 })
  t.equal(web.drain([...web.session.rings.values()][0]!).length, 5)
  const { hits, limited } = machine.hypervisor.ruleCounter('r1')
  t.same([hits, limited], [5, 11])
})

await t.test('a rate of a rule is for all its flows together, one of flows for each', async t => {
  const { a, b } = trio([
    'accept a:* -> web:* rate 1/s burst 3',
    'accept b:* -> web:* flow_rate 1/s flow_burst 2',
  ])
  t.match(a.run('web:80', many.slice(8), { from: 1 }), { accepted: 2 })
  t.match(a.run('web:80', many.slice(8), { from: 2 }), { accepted: 1, code: 'EDQUOT' })
  t.match(b.run('web:80', many.slice(7), { from: 1 }), { accepted: 2, code: 'EDQUOT' })
  t.match(b.run('web:80', many.slice(7), { from: 2, retry: true }), { accepted: 2 })
})

await t.test('both rates hold where a rule has both', async t => {
  const { room, limiter } = limiterOf(
    {},
    'accept *:* -> *:* rate 1/s burst 5 flow_rate 1/s flow_burst 3',
  )
  t.equal(room(1), 3)
  limiter.take(3, 0)
  t.equal(room(1), 0)
  t.equal(room(2), 2)
})

await t.test('a datagram sent alone waits too, and blocks nothing', async t => {
  const { machine, a } = trio(['accept *:1 -> *:* rate 1/s', ACCEPT_ALL])
  t.equal(a.send('web:80', payload(1)), 'ok')
  t.equal(a.send('web:80', payload(1)), 'EDQUOT')
  t.equal(a.send('web:80', payload(1), { from: 2 }), 'ok')
  machine.pass(1000)
  t.same(a.sink.take(), ['space web:80 16'])
  t.equal(a.send('web:80', payload(1)), 'ok')
})

await t.test('those who wait are called in turn, each for its share of what there is', async t => {
  const { machine, a, b } = trio(['accept *:* -> *:* rate 1000/s burst 4'])
  t.match(a.run('web:80', many), { accepted: 4 })
  t.match(b.run('web:80', many), { accepted: 0, code: 'EDQUOT' })
  t.same(machine.dues, [4])
  machine.pass(4)
  t.same([a.sink.take(), b.sink.take()], [['space web:80 48'], ['space web:80 48']])
  machine.pass(1)
  t.match(a.run('web:80', many, { retry: true }), { accepted: 4, code: 'EDQUOT' })
  t.match(b.run('web:80', many, { retry: true }), { accepted: 0, code: 'EDQUOT' })
  const waits = machine.dues.length
  machine.pass(1)
  t.same([a.sink.take(), b.sink.take()], [[], []], 'less than is worth it')
  t.ok(machine.dues.length > waits, 'and it is asked for again')
})

await t.test('who finds nothing left goes on waiting', async t => {
  const { machine, a, b } = trio(['accept *:* -> *:* rate 10/s burst 1'])
  a.run('web:80', one)
  a.run('web:80', one)
  b.run('web:80', one)
  machine.pass(100)
  t.same([a.sink.take(), b.sink.take()], [['space web:80 16'], []])
  t.match(a.run('web:80', one, { retry: true }), { accepted: 1 })
  machine.pass(100)
  t.same([a.sink.take(), b.sink.take()], [[], ['space web:80 16']])
})

await t.test('another table calls everyone, and gives nobody a new burst', async t => {
  const { machine, a } = trio(['accept *:* -> *:* rate 1/s burst 3 flow_rate 1/s flow_burst 3'])
  a.run('web:80', many)
  t.same(a.sink.take(), [])
  const rates = 'rate 1/s burst 5 flow_rate 2/s flow_burst 9'
  machine.hypervisor.setPolicy(policyOf(2, `accept *:* -> *:* ${rates} max_bytes 5`))
  t.same(a.sink.take(), ['space web:80 16', 'policy-changed 2'])
  t.match(a.run('web:80', many, { retry: true }), { accepted: 0, code: 'EDQUOT' })
  machine.hypervisor.setPolicy(policyOf(3, 'accept *:* -> *:* max_bytes 5'))
  t.same(a.sink.take(), ['space web:80 16', 'policy-changed 3'])
  t.match(a.run('web:80', many, { retry: true }), { accepted: 10, code: null })
  machine.hypervisor.setPolicy(policyOf(4, ACCEPT_ALL))
  t.match(a.run('web:80', many), { accepted: 10, code: null })
})

await t.test(
  'who ends does not wait any more, and neither does who waits for a lost ring',
  async t => {
    const { machine, web, a, b } = trio(['accept *:* -> *:* rate 1/s burst 1'])
    a.run('web:80', one)
    a.run('web:80', one)
    b.run('web:80', one)
    a.end()
    machine.hypervisor.unregisterRing(web.session, [...web.session.rings.keys()][0]!)
    b.sink.take()
    machine.pass(2000)
    t.same([a.sink.take(), b.sink.take()], [[], []])
  },
)

await t.test('there are so many waiters and no more, of all domains and of one', async t => {
  const { machine, web, a, b } = trio(['accept *:* -> *:* rate 1/h burst 1'], {
    rateWaitersMax: 3,
    rateWaitersPerDomainMax: 2,
  })
  for (const more of [81, 82, 83]) web.ring(more)
  a.run('web:80', one)
  const code = (client: Client, to: string): unknown => client.run(to, one, { retry: true }).code
  t.same(
    [code(a, 'web:80'), code(a, 'web:81'), code(a, 'web:82'), code(a, 'web:81')],
    ['EDQUOT', 'EDQUOT', 'EBUSY', 'EDQUOT'],
  )
  t.same([code(b, 'web:80'), code(b, 'web:81')], ['EDQUOT', 'EBUSY'])
  machine.pass(3_600_000)
  t.equal(a.sink.take().length + b.sink.take().length, 1, 'one token, one call')
})

await t.test('flows beyond the bound share one bucket, until there is room again', async t => {
  const { room, limiter, state } = limiterOf(
    { flowBucketsMax: 3, flowBucketsPerDomainMax: 2 },
    'accept *:* -> *:* flow_rate 1/s flow_burst 2',
  )
  const use = (sourcePort: number, source?: number): number => {
    const tokens = room(sourcePort, source)
    limiter.take(tokens, 0)
    return tokens
  }
  t.same([use(1), use(2), use(3), use(4)], [2, 2, 2, 0], 'a domain has two of its own')
  t.same([use(1, 2), use(2, 2)], [2, 0], 'and there are three in all')
  t.equal(limiter.flowCount, 3)
  state.now += 2_000
  t.equal(use(5), 2, 'those that are full again gave up their places')
  t.equal(limiter.flowCount, 1)
})

await t.test(
  'buckets of flows go with their rule, and when it has no such rate any more',
  async t => {
    const { room, limiter, rules } = limiterOf(
      {},
      'accept a:* -> *:* flow_rate 1/s',
      'accept b:* -> *:* flow_rate 1/s',
    )
    room(1)
    room(2)
    room(3, 1, rules[1])
    t.equal(limiter.flowCount, 3)
    limiter.replace(rules.slice(1))
    t.equal(limiter.flowCount, 1)
    limiter.replace(policyOf(2, 'accept b:* -> *:* rate 1/s').rules.map(r => ({ ...r, id: 'r2' })))
    t.equal(limiter.flowCount, 0)
  },
)

await t.test('the shared bucket of a rule keeps what it has when the rate changes', async t => {
  const { room, limiter, rules } = limiterOf(
    { flowBucketsMax: 0 },
    'accept *:* -> *:* flow_rate 1/s flow_burst 5',
  )
  t.equal(room(1), 5)
  limiter.take(4, 0)
  limiter.replace([{ ...rules[0]!, flowBurst: 9 }])
  t.equal(room(2), 1)
})

await t.test('the flow log hears of a rule that refuses once a second', async t => {
  const { machine, a } = trio(['accept *:* -> *:* rate 1/h burst 1'])
  for (let i = 0; i < 5; i++) a.run('web:80', one, { retry: true })
  const told = (): unknown[] =>
    machine.flows.filter(flow => flow.effect === 'limit').map(({ code }) => code)
  t.same(told(), ['EDQUOT'])
  machine.now += 1_000
  t.not(a.run('web:80', one, { retry: true }).decisionId, 0)
  t.same(told(), ['EDQUOT', 'EDQUOT'])
})

await t.test(
  'however it is sent, no more gets through than the rate allows, and all of it does',
  async () => {
    const step = fc.record({
      wait: fc.nat(300),
      count: fc.integer({ min: 1, max: 10 }),
      b: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 40 }),
        (rate, burst, steps) => {
          const { machine, web, a, b } = trio([`accept *:* -> *:* rate ${rate}/s burst ${burst}`])
          const ring = [...web.session.rings.values()][0]!
          const owed = new Map([a, b].map(client => [client, 0]))
          let passed = 0
          const send = (client: Client): void => {
            const count = owed.get(client)!
            if (count === 0) return
            const { accepted } = client.run('web:80', many.slice(0, Math.min(10, count)), {
              retry: true,
            })
            owed.set(client, count - accepted)
            passed += accepted
          }
          const start = machine.now
          for (const { wait, count, b: isB } of steps) {
            machine.pass(wait)
            const client = isB ? b : a
            owed.set(client, owed.get(client)! + count)
            send(client)
            web.drain(ring)
            if (passed > burst + ((machine.now - start) * rate) / 1000) return false
          }
          // From here on only who is called sends: nobody is forgotten.
          for (let turn = 0; turn < 5000 && owed.get(a)! + owed.get(b)! > 0; turn++) {
            machine.pass(Math.max(1, Math.ceil(1000 / rate)))
            for (const client of [a, b]) if (client.sink.take().length > 0) send(client)
            web.drain(ring)
          }
          return owed.get(a)! + owed.get(b)! === 0
        },
      ),
      { numRuns: 60 },
    )
  },
)

await t.test('who waits hears that the ring is gone, and keeps nothing of it', async t => {
  const machine = new Machine(['accept *:* -> *:* rate 1/h burst 1'], { rateWaitersMax: 1 })
  const web = machine.client('web')
  const a = machine.client('a')
  a.ring(1)
  t.equal(a.send('a:1', payload(1)), 'ok')
  for (const handle of [1, 2]) {
    const ring = web.ring(80)
    t.equal(ring.handle, handle)
    t.equal(a.send('web:80', payload(1)), 'EDQUOT', 'there is room for one that waits')
    machine.hypervisor.unregisterRing(web.session, handle)
    t.same(a.sink.take(), ['ring-down web:80'])
    t.equal(ring.limited.size, 0)
  }
})
