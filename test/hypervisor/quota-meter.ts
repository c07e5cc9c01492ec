import fc from 'fast-check'
import t from 'tap'
import { DOMID_ANY, type DomainId, type Port } from '../../src/abi/addr.js'
import { Hypervisor } from '../../src/hypervisor/hypervisor.js'
import { ZEROS, type RuleCounter } from '../../src/hypervisor/policy-gate.js'
import { isWithinQuota, QuotaMeter, quotaUse } from '../../src/hypervisor/quota-meter.js'
import { DGRAM, Machine, payload, policyOf, Recorder, type Client } from './fixtures/machine.js'

const HOUR_MS = 3_600_000

function pair(...rules: string[]): { machine: Machine; web: Client; a: Client } {
  const machine = new Machine(rules)
  const web = machine.client('web')
  web.ring(80, 65_536)
  const a = machine.client('a')
  a.ring(1)
  return { machine, web, a }
}

await t.test('in each hour no more than the quota passes, however it is asked for', async () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.integer({ min: 0, max: HOUR_MS / 10 }), fc.constant(2 * HOUR_MS)),
    bytes: fc.integer({ min: 0, max: 60 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), steps => {
      let now = 1_795_176_000_000
      const counter: RuleCounter = { action: 'accept', ...ZEROS }
      const quota = { bytes: 100, perSeconds: 3600 } as const
      const meter = new QuotaMeter(quota, counter, { now: () => now })
      const passed: { at: number; bytes: number }[] = []
      for (const { waitMs, bytes } of steps) {
        now += waitMs
        if (!isWithinQuota(bytes, meter.room())) {
          const ms = meter.msUntilRoomFor(bytes)
          if (ms <= 0 || ms > HOUR_MS) return false
          continue
        }
        meter.take(bytes)
        passed.push({ at: now, bytes })
      }
      // The hours are those that the first datagrams after the last one begin.
      let start = -Infinity
      let used = 0
      for (const { at, bytes } of passed) {
        if (at >= start + HOUR_MS) {
          used = 0
          start = at
        }
        used += bytes
        if (used > 100) return false
      }
      return true
    }),
  )
})

await t.test(
  'a run goes through as far as the quota reaches, and waits for the next hour',
  async t => {
    const { machine, web, a } = pair('accept *:* -> *:* quota 100/h')
    const messages = [payload(40), payload(50), payload(20), payload(10)]
    t.match(a.run('web:80', messages), { accepted: 2, refused: 2, code: 'EDQUOT' })
    t.same(machine.dues, [10_000], 'the clock may be set meanwhile')
    t.match(a.run('web:80', [payload(10)]), { accepted: 0, code: 'EAGAIN' }, 'not in between')
    machine.pass(HOUR_MS - 1)
    t.same(a.sink.take(), [])
    machine.pass(1)
    t.match(a.sink.take(), [/^space web:80 /])
    t.match(a.run('web:80', messages.slice(2), { retry: true }), { accepted: 2, code: null })
    t.equal(web.drain([...web.session.rings.values()][0]!).length, 4)
    t.match(machine.hypervisor.ruleCounter('r1'), { hits: 4, bytes: 120, quotaUsed: 30 })
  },
)

await t.test('when nothing is left an empty datagram does not go through either', async t => {
  const { a } = pair('accept *:* -> *:* quota 1/d')
  t.equal(a.send('web:80', payload(0)), 'ok')
  t.equal(a.send('web:80', payload(1)), 'ok')
  t.equal(a.send('web:80', payload(0)), 'EDQUOT')
})

await t.test('a datagram larger than all of the quota is refused for good', async t => {
  const { machine, a } = pair('accept *:* -> *:* quota 10/d')
  t.equal(a.send('web:80', payload(11)), 'EMSGSIZE')
  t.match(a.run('web:80', [payload(11), payload(1)]), { refused: 1, code: 'EMSGSIZE' })
  t.match(machine.hypervisor.ruleCounter('r1'), { limited: 2, quotaUsed: 0 })
})

await t.test('with a rate who waits is called when both have something for it', async t => {
  const { machine, a } = pair('accept *:* -> *:* rate 1/s burst 2 quota 100/h')
  t.match(a.run('web:80', [payload(60), payload(30), payload(1)]), { accepted: 2, code: 'EDQUOT' })
  t.same(machine.dues, [1_000], 'the quota has room for it')
  machine.pass(1_000)
  t.match(a.sink.take(), [/^space/])
  t.match(a.run('web:80', [payload(20)], { retry: true }), { accepted: 0, code: 'EDQUOT' })
  machine.pass(HOUR_MS - 1_001)
  t.same(a.sink.take(), [])
  machine.pass(1)
  t.match(a.sink.take(), [/^space/])
})

await t.test('who was called for a quota that others have used goes on waiting', async t => {
  const { machine, a } = pair('accept *:* -> *:* quota 10/h')
  const b = machine.client('b')
  b.ring(1)
  t.match(a.run('web:80', [payload(10), payload(10)]), { accepted: 1 })
  t.match(b.run('web:80', [payload(10)]), { accepted: 0, code: 'EDQUOT' })
  machine.now += HOUR_MS
  t.match(a.run('web:80', [payload(10)], { retry: true }), { accepted: 1 })
  machine.hypervisor.tick()
  t.same(b.sink.take(), [])
  machine.pass(HOUR_MS)
  t.match(b.sink.take(), [/^space/])
})

await t.test(
  'another table goes on with what is used, and a zeroed counter calls who waits',
  async t => {
    const { machine, a } = pair('accept *:* -> *:* quota 10/h')
    a.run('web:80', [payload(10), payload(1)])
    machine.hypervisor.setPolicy(policyOf(2, 'accept *:* -> *:* quota 12/h'))
    a.sink.take()
    t.match(a.run('web:80', [payload(2), payload(1)], { retry: true }), { accepted: 1 })
    Object.assign(machine.hypervisor.ruleCounter('r1'), ZEROS)
    machine.hypervisor.quotasZeroed()
    t.match(a.sink.take(), [/^space/])
    t.match(a.run('web:80', [payload(12)], { retry: true }), { accepted: 1 })
  },
)

await t.test('audit mode delivers beyond the quota, and takes only what is within', async t => {
  const { machine, a } = pair('accept *:* -> *:* quota 10/h')
  machine.hypervisor.isAuditing = true
  t.match(a.run('web:80', [payload(6), payload(6), payload(6)]), { accepted: 3, code: null })
  t.equal(a.send('web:80', payload(9)), 'ok')
  t.match(machine.hypervisor.ruleCounter('r1'), { hits: 4, audited: 3, quotaUsed: 6 })
})

await t.test('a clock that is set back gives nobody more', async t => {
  let now = 10 * HOUR_MS
  const counter: RuleCounter = { action: 'accept', ...ZEROS }
  const quota = { bytes: 10, perSeconds: 3600 } as const
  const meter = new QuotaMeter(quota, counter, { now: () => now })
  t.equal(meter.room(), 10)
  meter.take(7)
  now -= 5 * HOUR_MS
  t.equal(meter.room(), 3)
  t.equal(meter.msUntilRoomFor(3), 0)
  t.equal(meter.msUntilRoomFor(4), HOUR_MS)
  t.same(quotaUse(quota, counter, now), { used: 7, endsAt: now + HOUR_MS })
  now += HOUR_MS
  t.equal(meter.room(), 10)
})

await t.test('who waits for a quota goes on soon after the clock was set forward', async t => {
  let clockMs = HOUR_MS
  let steadyMs = 0
  const hypervisor = new Hypervisor({
    policy: policyOf(1, 'accept *:* -> *:* quota 10/h'),
    clock: { now: () => clockMs },
    steadyMs: () => steadyMs,
  })
  const sink = new Recorder()
  const outcome = hypervisor.openSession(hypervisor.createDomain(1 as DomainId, 'a'), sink)
  t.ok(outcome.ok)
  if (!outcome.ok) return
  const { session } = outcome
  for (const port of [1, 80]) {
    hypervisor.registerRing(session, { port, partner: DOMID_ANY, length: 4096, failExist: false })
  }
  const target = hypervisor.holdTarget('a')
  const flow = { sourcePort: 1 as Port, target, port: 80 as Port, type: DGRAM }
  t.match(hypervisor.sendv(session, flow, [payload(10)]), { ok: true })
  t.match(hypervisor.sendv(session, flow, [payload(1)]), { code: 'EDQUOT' })
  clockMs += 2 * HOUR_MS
  steadyMs += 10_000
  hypervisor.tick()
  t.match(sink.take(), [/^space a:80 /])
})
