import fc from 'fast-check'
import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import type { FrameBytes } from '../../src/abi/frame.js'
import { FlowMeter } from '../../src/hypervisor/flow-meter.js'
import type { RunOutcome } from '../../src/hypervisor/outcome.js'
import { DEFAULT_ID } from '../../src/policy/rule.js'
import {
  ACCEPT_ALL,
  DGRAM,
  Machine,
  payload,
  policyOf,
  runOf,
  STREAM,
  type Client,
} from './fixtures/machine.js'

const limits = { flowMetersMax: 64, flowMetersPerDomainMax: 64 }

function pair(rules: readonly string[]): {
  machine: Machine
  web: Client
  a: Client
  meter: FlowMeter
} {
  const meter = new FlowMeter(limits)
  const machine = new Machine(rules, {}, meter)
  const web = machine.client('web')
  web.ring(80, 65_536)
  const a = machine.client('a')
  a.ring(1)
  return { machine, web, a, meter }
}

/** What was counted of flows, as short texts. */
function counted(meter: FlowMeter): string[] {
  return meter
    .take(100)
    .map(({ effect, rule, datagrams, bytes }) => `${effect} ${rule} ${datagrams} ${bytes}`)
}

/**
 * A run in memory that its sender shares, who writes there while it is dealt with: a length that
 * is read for the `read`th time is another one from then on.
 */
function changing(messages: Uint8Array[], at: number, read: number, length: number): FrameBytes {
  const run = runOf(messages)
  const { view } = run
  const getUint32 = view.getUint32.bind(view)
  let reads = 0
  view.getUint32 = (offset, littleEndian) => {
    if (offset === at && ++reads === read) view.setUint32(at, length, true)
    return getUint32(offset, littleEndian)
  }
  return run
}

function runChanging(a: Client, count: number, bytes: FrameBytes): RunOutcome {
  const target = a.machine.target('web')
  const [sourcePort, port] = [1 as Port, 80 as Port]
  const run = { sourcePort, target, port, type: DGRAM, count, retry: false }
  return { ...a.machine.hypervisor.sendRun(a.session, run, bytes, 0, bytes.bytes.length) }
}

await t.test('audit lets through, and says so', async t => {
  const { machine, web, a, meter } = pair(['audit a:* -> web:*'])
  t.match(a.run('web:80', [payload(1), payload(2)]), { accepted: 2, code: null })
  t.equal(a.send('web:80', payload(3)), 'ok')
  t.equal(web.sink.dataCalls, 2)
  t.match(machine.flows, [{ effect: 'audit', verdict: { rule: { id: 'r1' } }, code: null }])
  t.same(counted(meter), ['audit r1 3 6'])
  t.match(machine.hypervisor.ruleCounter('r1'), { hits: 3, audited: 0 })
})

for (const [how, audit] of [
  ['of everything', (machine: Machine) => (machine.hypervisor.isAuditing = true)],
  [
    'of the sender',
    (machine: Machine, a: Client) => machine.hypervisor.setAudited(a.session.domain, true),
  ],
  [
    'of the receiver',
    (machine: Machine, _a: Client, web: Client) =>
      machine.hypervisor.setAudited(web.session.domain, true),
  ],
] as const) {
  await t.test(
    `audit mode ${how} delivers what policy refuses, and names who would not`,
    async t => {
      const { machine, web, a, meter } = pair([
        'drop a:* -> web:80 type stream',
        'ask a:* -> web:80 type dgram',
      ])
      audit(machine, a, web)
      t.equal(a.send('web:80', payload(3), { type: STREAM }), 'ok')
      t.match(a.run('web:80', [payload(2)]), { accepted: 1, code: null })
      t.match(machine.flows, [
        { effect: 'audit', code: null, verdict: { action: 'drop', rule: { id: 'r1' } } },
        { effect: 'audit', code: null, verdict: { action: 'ask', rule: { id: 'r2' } } },
      ])
      t.same(counted(meter), ['audit r1 1 3', 'audit r2 1 2'])
      t.match(machine.hypervisor.ruleCounter('r2'), { hits: 1, audited: 1, auditedBytes: 2 })
      t.equal(machine.hypervisor.asks.asks().length, 0)

      t.match(
        a.run('web:81', [payload(1)]),
        { code: 'ECONNREFUSED' },
        'what is not there is not there',
      )
      t.match(machine.hypervisor.ruleCounter(DEFAULT_ID), { hits: 1, audited: 1 })
    },
  )
}

await t.test('audit mode ends at once', async t => {
  const { machine, a } = pair([])
  machine.hypervisor.isAuditing = true
  t.equal(machine.hypervisor.isAuditing, true)
  t.equal(a.send('web:80', payload(1)), 'ok')
  machine.hypervisor.isAuditing = false
  t.equal(a.send('web:80', payload(1)), 'EPERM')
})

await t.test('what audit lets through is never called accepted', async () => {
  const rule = fc
    .record({
      action: fc.constantFrom('accept', 'reject', 'drop', 'audit', 'ask'),
      port: fc.constantFrom('80', '*'),
      limits: fc.constantFrom('', ' max_bytes 20', ' rate 2/h burst 2'),
    })
    .map(({ action, port, limits }) => {
      const lets = action === 'accept' || action === 'audit'
      return `${action} a:* -> web:${port}${lets ? limits : ''}`
    })
  const sends = fc.array(fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 3 }), fc.boolean(), sends, (rules, isOn, runs) => {
      const { machine, web, a, meter } = pair(rules)
      machine.hypervisor.isAuditing = isOn
      const [ring] = web.session.rings.values()
      for (const sizes of runs) {
        a.run(
          'web:80',
          sizes.map(size => payload(size)),
        )
        web.drain(ring!)
      }
      const { action } = machine.hypervisor.policy.rules[0] ?? { action: 'reject' }
      const effects = [...machine.flows, ...meter.take(100)].map(({ effect }) => effect)
      if (effects.length === 0) return false
      if (action !== 'accept' && effects.includes('accept')) return false
      return !isOn || effects.every(effect => effect === 'audit' || effect === action)
    }),
  )
})

await t.test('audit mode never reaches the control domain', async t => {
  const { machine, a } = pair([])
  machine.hypervisor.isAuditing = true
  t.equal(a.send('control:1', payload(1)), 'EPERM')
  t.equal(a.send('ghost:1', payload(1)), 'ESRCH')
})

await t.test('a question about a ring is answered as audit mode has it', async t => {
  const { machine, a } = pair([])
  const query = {
    target: machine.target('web'),
    port: 80 as never,
    spaceRequired: 0,
    wantRing: false,
  }
  const code = (): unknown => {
    const statuses = machine.hypervisor.notify(a.session, 1 as never, [query], DGRAM)
    return Array.isArray(statuses) ? statuses[0]?.code : statuses
  }
  t.equal(code(), 'EPERM')
  machine.hypervisor.setPolicy(policyOf(2, 'audit *:* -> *:*'))
  t.equal(code(), null)
  machine.hypervisor.setPolicy(policyOf(3))
  machine.hypervisor.isAuditing = true
  t.equal(code(), null)
})

await t.test('a run of more messages than it says is none, under limits, too', async t => {
  const { machine, web, a } = pair(['accept *:* -> *:* max_bytes 20'])
  t.match(a.run('web:80', [payload(2), payload(3)], { count: 1 }), { malformed: true, accepted: 0 })
  t.equal(web.sink.dataCalls, 0)
  t.same(machine.flows, [])
})

await t.test('audit mode tells of a flow that begins beyond the limits', async t => {
  const { machine, a } = pair(['accept *:* -> *:* rate 1/h burst 1'])
  machine.hypervisor.isAuditing = true
  a.run('web:80', [payload(1)])
  a.run('web:80', [payload(1)])
  const told = machine.flows.length
  a.ring(2)
  t.match(a.run('web:80', [payload(1)], { from: 2 }), { accepted: 1, code: null })
  t.match(machine.flows.slice(told), [{ effect: 'audit', source: { domain: 'a', port: 2 } }])
})

await t.test('a datagram beyond max_bytes is refused alone, by its rule', async t => {
  const { machine, web, a, meter } = pair(['accept *:* -> *:* max_bytes 20'])
  const messages = [payload(20), payload(21), payload(5)]
  const first = a.run('web:80', messages)
  t.match(first, { accepted: 1, refused: 1, code: 'EMSGSIZE', slotBytes: 48 })
  t.not(first.decisionId, 0)
  t.match(a.run('web:80', messages.slice(1)), { accepted: 0, refused: 1, code: 'EMSGSIZE' })
  t.match(a.run('web:80', messages.slice(2)), { accepted: 1, code: null })
  t.equal(a.send('web:80', payload(21)), 'EMSGSIZE')
  t.equal(a.send('web:80', payload(20)), 'ok')
  t.equal(web.drain([...web.session.rings.values()][0]!).length, 3)
  t.same(counted(meter), ['accept r1 3 45', 'limit r1 3 63'])
  t.match(machine.hypervisor.ruleCounter('r1'), { hits: 6, bytes: 108, limited: 3 })
  t.match(
    machine.flows.filter(flow => flow.effect === 'limit'),
    [
      { code: 'EMSGSIZE', bytes: 21, verdict: { rule: { id: 'r1' } } },
      { code: 'EMSGSIZE' },
      { code: 'EMSGSIZE' },
    ],
  )
})

await t.test('a run that changes between two looks at it is none, and takes no token', async t => {
  const { machine, web, a } = pair(['accept *:* -> *:* rate 2/h burst 2'])
  for (const read of [1, 2]) {
    for (const [at, length] of [
      [0, 15],
      [0, 0xffffffff],
      [0, 64],
      [32, 15],
      [32, 80],
    ] as const) {
      const outcome = runChanging(a, 2, changing([payload(16), payload(16)], at, read, length))
      t.match(outcome, { malformed: true, accepted: 0, code: null }, `${read} ${at} ${length}`)
    }
  }
  t.equal(web.sink.dataCalls, 0)
  t.match(machine.hypervisor.ruleCounter('r1'), { hits: 0, bytes: 0, limited: 0 })
  t.match(a.run('web:80', [payload(1), payload(2)]), { accepted: 2, code: null })
})

await t.test('so it is in audit mode, where limits hold nothing back', async t => {
  const { machine, web, a } = pair(['accept *:* -> *:* rate 2/h burst 2'])
  machine.hypervisor.isAuditing = true
  const changed = changing([payload(16), payload(16)], 32, 1, 15)
  t.match(runChanging(a, 2, changed), { malformed: true, accepted: 0 })
  t.equal(web.sink.dataCalls, 0)
})

await t.test('a datagram beyond max_bytes counts with the length it was refused for', async t => {
  const { machine, a } = pair(['accept *:* -> *:* max_bytes 20'])
  t.match(runChanging(a, 1, changing([payload(21)], 0, 2, 0)), {
    code: 'EMSGSIZE',
    refusedSlotBytes: 48,
    malformed: false,
  })
  t.match(machine.flows, [{ code: 'EMSGSIZE', bytes: 21 }])
  t.match(machine.hypervisor.ruleCounter('r1'), { hits: 1, bytes: 21 })
})

await t.test('audit mode delivers what is beyond limits, and records it', async t => {
  const { machine, web, a, meter } = pair(['accept *:* -> *:* max_bytes 20 rate 2/h burst 2'])
  machine.hypervisor.isAuditing = true
  t.match(a.run('web:80', [payload(1), payload(21), payload(2)]), { accepted: 3, code: null })
  t.equal(a.send('web:80', payload(1)), 'ok')
  t.equal(a.send('web:80', payload(99)), 'ok')
  t.equal(web.drain([...web.session.rings.values()][0]!).length, 5)
  t.same(counted(meter), ['accept r1 2 2', 'audit r1 3 122'])
  t.match(machine.hypervisor.ruleCounter('r1'), {
    hits: 5,
    bytes: 124,
    audited: 3,
    auditedBytes: 122,
    limited: 3,
  })
  t.equal(machine.flows.filter(flow => flow.effect === 'audit').length, 1)
})

await t.test(
  'a full ring refuses what the limits let through, and takes no token for it',
  async t => {
    const machine = new Machine(['accept *:* -> *:* rate 1/h burst 3'])
    const web = machine.client('web')
    const ring = web.ring(80, 64)
    const a = machine.client('a')
    a.ring(1)
    const messages = [1, 1, 1, 1].map(length => payload(length))
    t.match(a.run('web:80', messages), { accepted: 1, refused: 3, code: 'EAGAIN' })
    web.drain(ring)
    t.match(a.run('web:80', messages.slice(1), { retry: true }), { accepted: 1, code: 'EAGAIN' })
    web.drain(ring)
    t.match(a.run('web:80', messages.slice(2), { retry: true }), { accepted: 1, code: 'EDQUOT' })
  },
)

/** Sends a run of which the sender changes lengths when they have been read so many times. */
function sendChanging(
  { machine, a }: { machine: Machine; a: Client },
  messages: readonly Uint8Array[],
  reads: number,
  lengths: readonly (readonly [at: number, len: number])[],
): RunOutcome {
  const bytes = runOf(messages)
  const { view } = bytes
  const read = view.getUint32.bind(view)
  let left = reads
  view.getUint32 = (at, littleEndian) => {
    if (left-- === 0) for (const [place, len] of lengths) view.setUint32(place, len, true)
    return read(at, littleEndian)
  }
  const [sourcePort, port] = [1 as Port, 80 as Port]
  const target = machine.target('web')
  const run = { sourcePort, target, port, type: DGRAM, count: messages.length, retry: false }
  return machine.hypervisor.sendRun(a.session, run, bytes, 0, bytes.bytes.length)
}

await t.test('a run that changes when its lengths were checked is none', async t => {
  const there = pair(['accept *:* -> *:* max_bytes 20'])
  const three = [payload(16), payload(16), payload(16)]
  // As many messages of as many bytes, of which one is larger than the rule lets through.
  for (const larger of [
    [16, 16, 64],
    [64, 16, 16],
  ]) {
    let at = 0
    const lengths = larger.map(len => [(at += len) - len, len] as const)
    t.match(sendChanging(there, three, 3, lengths), { accepted: 0, malformed: true })
  }
  t.equal(there.web.sink.dataCalls, 0)
  t.match(sendChanging(there, three, 3, []), { accepted: 3, malformed: false })
})

await t.test('a datagram that is too large is counted as it was when that was seen', async t => {
  const there = pair(['accept *:* -> *:* max_bytes 20'])
  const outcome = sendChanging(there, [payload(21)], 1, [[0, 0]])
  t.match(outcome, { code: 'EMSGSIZE', refused: 1, refusedSlotBytes: 48 })
  t.match(there.machine.flows, [{ code: 'EMSGSIZE', bytes: 21 }])
  t.match(there.machine.hypervisor.ruleCounter('r1'), { hits: 1, bytes: 21 })
})

await t.test('a run that is none is found out before anybody is asked', async t => {
  const { machine, a } = pair(['ask *:* -> *:*'])
  t.match(a.run('web:80', [payload(1)], { count: 2 }), { malformed: true })
  t.same(machine.hypervisor.asks.asks(), [])
})

await t.test('a rule that has expired matches nothing from that moment on', async t => {
  const expires = new Date(5_000).toISOString()
  const { machine, a } = pair([`accept *:* -> web:* expires ${expires}`, 'reject *:* -> *:*'])
  t.equal(a.send('web:80', payload(1)), 'ok')
  machine.now = 4_999
  t.equal(a.send('web:80', payload(1)), 'ok')
  machine.now = 5_000
  t.equal(a.send('web:80', payload(1)), 'EPERM')
  t.match(machine.flows.at(-1), { verdict: { rule: { id: 'r2' } } })
  machine.now = 4_000
  t.equal(a.send('web:80', payload(1)), 'EPERM', 'also when the clock is set back')
})

await t.test('rules, default and retired counters add up to what was decided', async () => {
  const actions = [
    ACCEPT_ALL,
    'reject a:* -> web:*',
    'drop a:* -> web:80',
    'audit a:* -> web:*',
    'ask *:* -> web:80',
    'accept *:* -> web:80 max_bytes 30',
    'accept *:* -> *:* rate 5/s burst 3',
    'audit *:* -> *:* flow_rate 5/s flow_burst 2 max_bytes 50',
    'accept *:* -> web:80 expires 1970-01-01T00:00:03Z',
  ]
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('send' as const),
      port: fc.constantFrom(80, 81),
      sizes: fc.array(fc.nat(60), { minLength: 1, maxLength: 6 }),
      alone: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('policy' as const), rules: fc.subarray(actions) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(2_000) }),
    fc.record({ kind: fc.constant('audit' as const), on: fc.boolean() }),
    fc.record({ kind: fc.constant('ask' as const), grant: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const { machine, web, a, meter } = pair([ACCEPT_ALL])
      const { hypervisor } = machine
      const ring = [...web.session.rings.values()][0]!
      let decided = 0
      let metered = 0
      let retired = 0
      let revision = 1
      const isFinal = (code: string | null): boolean =>
        code !== null && !['EAGAIN', 'EDQUOT', 'EBUSY'].includes(code)
      for (const each of steps) {
        if (each.kind === 'send' && each.alone) {
          const code = a.send(`web:${each.port}`, payload(each.sizes[0]!))
          if (code === 'ok' || isFinal(code)) decided++
        } else if (each.kind === 'send') {
          const messages = each.sizes.map(size => payload(size))
          const { accepted, refused, code } = a.run(`web:${each.port}`, messages, { retry: true })
          decided += accepted + (isFinal(code) ? refused : 0)
        } else if (each.kind === 'policy') {
          const before = hypervisor.policy.rules
          const table = policyOf(++revision, ...each.rules)
          hypervisor.setPolicy(table)
          for (const { id } of before) {
            if (table.rules.some(rule => rule.id === id)) continue
            retired += hypervisor.ruleCounter(id).hits
            hypervisor.dropRuleCounter(id)
          }
        } else if (each.kind === 'pass') {
          machine.pass(each.ms)
          web.drain(ring)
        } else if (each.kind === 'audit') {
          hypervisor.isAuditing = each.on
        } else {
          const ask = hypervisor.asks.asks()[0]
          if (ask === undefined) continue
          if (each.grant) hypervisor.asks.grant(ask.id, 1_000, false, 'ann')
          else hypervisor.asks.deny(ask.id)
        }
        for (const { datagrams } of meter.take(100)) metered += datagrams
      }
      const hits = [...hypervisor.ruleCounters.values()].reduce((sum, each) => sum + each.hits, 0)
      return hits + retired === decided && metered + meter.lost === decided
    }),
  )
})
