import t from 'tap'
import { DOMID_ANY, type DomainId, type Port } from '../../src/abi/addr.js'
import { Hypervisor } from '../../src/hypervisor/index.js'
import {
  ACCEPT_ALL,
  DGRAM,
  Machine,
  payload,
  policyOf,
  Recorder,
  STREAM,
} from './fixtures/machine.js'

const clock = { now: () => 0 }

await t.test('it is made of a policy and a clock; limits and the rest have defaults', async t => {
  const hypervisor = new Hypervisor({ policy: policyOf(3), clock })
  t.equal(hypervisor.limits.ringsPerDomainMax, 128)
  t.equal(hypervisor.policy.revision, 3)
  const domain = hypervisor.createDomain(5 as DomainId, 'web')
  const outcome = hypervisor.openSession(domain, new Recorder())
  t.equal(outcome.ok, true)
  if (!outcome.ok) return
  const ring = hypervisor.registerRing(outcome.session, {
    port: 1,
    partner: 0x7ff4 as DomainId,
    length: 48,
    failExist: true,
  })
  t.equal(ring.ok, true)
  const target = hypervisor.holdTarget('web')
  const flow = { sourcePort: 1 as Port, target, port: 1 as Port, type: DGRAM }
  t.match(hypervisor.sendv(outcome.session, flow, []), { ok: false, code: 'EPERM', decisionId: 1 })
})

await t.test('decision ids count up from where they are told to', async t => {
  const hypervisor = new Hypervisor({
    policy: policyOf(1),
    clock,
    decisionIdBase: 1000,
    limits: { sessionsMax: 3 },
  })
  t.equal(hypervisor.limits.sessionsMax, 3)
  const machine = hypervisor.createDomain(1 as DomainId, 'web')
  const outcome = hypervisor.openSession(machine, new Recorder())
  if (!outcome.ok) throw new Error(outcome.code)
  hypervisor.registerRing(outcome.session, {
    port: 1,
    partner: 0x7ff4 as DomainId,
    length: 48,
    failExist: true,
  })
  const flow = {
    sourcePort: 1 as Port,
    target: hypervisor.holdTarget('x'),
    port: 1 as Port,
    type: STREAM,
  }
  t.match(hypervisor.sendv(outcome.session, flow, []), { decisionId: 1001 })
})

await t.test('domains are found by number and by name while they are there', async t => {
  const machine = new Machine()
  const { hypervisor } = machine
  const web = machine.domain('web', ['front'])
  t.same(web.subject, { name: 'web', tags: ['front'] })
  t.same(web.party, { name: 'web', id: 1 })
  t.equal(hypervisor.domain(web.id), web)
  t.equal(hypervisor.domainNamed('web'), web)
  t.same([...hypervisor.domains()], [web])
  t.equal(hypervisor.targetOfId(web.id).domain, web)
  hypervisor.destroyDomain(web)
  t.equal(hypervisor.domain(web.id), undefined)
  t.equal(hypervisor.domainNamed('web'), undefined)
  t.same([...hypervisor.domains()], [])
  t.same(hypervisor.targetOfId(web.id).party, { name: '1', id: 0 })
})

await t.test('a domain that can not be is a bug of the caller', async t => {
  const machine = new Machine()
  const web = machine.domain('web')
  const { hypervisor } = machine
  const bad: [number, string][] = [
    [1, 'x'],
    [0, 'x'],
    [0x7ff0, 'x'],
    [9, 'web'],
    [9, 'Web'],
    [9, 'control'],
    [9, '7'],
  ]
  for (const [id, name] of bad) {
    t.throws(
      () => hypervisor.createDomain(id as DomainId, name),
      { name: 'AssertionError' },
      `${id} ${name}`,
    )
  }
  hypervisor.destroyDomain(web)
  t.throws(() => hypervisor.openSession(web, new Recorder()), { name: 'AssertionError' })
})

await t.test('a domain and the daemon have so many sessions at most', async t => {
  const machine = new Machine(undefined, { sessionsPerDomainMax: 2, sessionsMax: 3 })
  const { hypervisor } = machine
  const first = machine.client('web')
  machine.client('web')
  t.throws(() => machine.client('web'), { message: 'a domain has at most 2 sessions' })
  const { domain } = first.session
  t.match(hypervisor.openSession(domain, new Recorder()), {
    code: 'ENOSPC',
    reason: 'domain-sessions',
    limit: 2,
    used: 2,
  })
  const db = machine.client('db')
  t.throws(() => machine.client('x'), { message: 'there are at most 3 sessions' })
  first.end()
  machine.client('x')
  t.match(hypervisor.openSession(domain, new Recorder()), { reason: 'daemon-sessions', used: 3 })
  db.end()
  const again = machine.client('web')
  t.not(again.session.id, first.session.id)
  again.end()
  t.equal([...hypervisor.sessions()].length, 2)
})

await t.test('a session keeps count of what came into rings that are gone', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  const ring = web.ring(80)
  web.ring(81)
  db.ring(1)
  for (const to of ['web:80', 'web:80', 'web:81']) db.send(to, new Uint8Array(20))
  t.same([web.session.datagramsReceived, web.session.bytesReceived], [0, 0])
  machine.hypervisor.unregisterRing(web.session, ring.handle)
  t.same([web.session.datagramsReceived, web.session.bytesReceived], [2, 2 * 48])
  web.end()
  t.same([web.session.datagramsReceived, web.session.bytesReceived], [3, 3 * 48])
})

await t.test(
  'whoever a session has to do with hears of its end once, and of the end of its domain',
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const second = machine.client('web')
    const [from, to, waits, other] = ['from', 'to', 'waits', 'other'].map(name =>
      machine.client(name),
    )
    const ring = web.ring(80, 128)
    web.ring(81)
    const toRing = to!.ring(1)
    for (const client of [from!, waits!, other!]) client.ring(1)
    from!.send('web:80', payload(40))
    web.send('from:1', payload(1), { from: 80 })
    web.send('to:1', payload(1), { from: 81 })
    t.equal(waits!.send('web:80', payload(90)), 'EAGAIN')
    web.end()
    web.end()
    t.same(from!.sink.take(), ['ring-down web:80'])
    t.same(to!.sink.take(), ['ring-down web:81'])
    t.same(waits!.sink.take(), ['ring-down web:80'])
    t.same(other!.sink.take(), [])
    t.same([web.sink.events, web.sink.endings], [[], []])
    t.same([ring.senders.size, ring.waiters.size, toRing.senders.size], [0, 0, 0])
    t.equal(web.session.domain.ringBytes, 0)

    const again = second.ring(80)
    second.send('to:1', payload(1), { from: 80 })
    from!.send('web:80', payload(1))
    second.drain(again)
    second.end()
    t.same(from!.sink.take(), ['ring-down web:80', 'domain-down web'])
    t.same(to!.sink.take(), ['ring-down web:80', 'domain-down web'])
    t.same([...machine.hypervisor.sessions()].length, 4)
  },
)

await t.test('a session that ends makes way for those that waited behind it', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const ring = web.ring(80, 160)
  const [full, large, small] = ['a', 'b', 'c'].map(name => machine.client(name))
  for (const client of [full!, large!, small!]) client.ring(1)
  full!.run('web:80', [payload(40), payload(48)])
  t.equal(large!.run('web:80', [payload(128)]).code, 'EAGAIN')
  t.equal(small!.run('web:80', [payload(48)]).code, 'EAGAIN')
  web.consume(ring, 64)
  t.same(small!.sink.take(), [])
  large!.end()
  t.same(small!.sink.take(), ['space web:80 64'])
  t.same([ring.waiters.sessions(), ring.blocked.size], [[small!.session], 1])
  small!.end()
  t.same([ring.waiters.sessions(), ring.blocked.size, ring.waiters.domains.size], [[], 0, 0])
})

await t.test('kicking a domain ends its sessions, and each is told why', async t => {
  const machine = new Machine()
  const [a, b] = [machine.client('web'), machine.client('web')]
  t.equal(machine.hypervisor.kick(a.session.domain, 'kicked', 'an admin says so'), 2)
  t.same(
    [a.sink.endings, b.sink.endings],
    [['kicked: an admin says so'], ['kicked: an admin says so']],
  )
  t.same([a.session.ended, b.session.ended], [true, true])
  t.equal(machine.hypervisor.kick(a.session.domain, 'kicked', ''), 0)
})

await t.test(
  'destroying a domain takes its rings, and those made for it alone, and tells everyone',
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const db = machine.client('db')
    const other = machine.client('other')
    const forWeb = db.ring(5, 48, { partner: web.session.domain.id })
    const open = db.ring(6, 48)
    web.ring(80)
    other.ring(1)
    web.send('db:5', payload(3), { from: 80 })
    web.send('db:6', payload(3), { from: 80 })
    other.send('web:80', payload(3))
    machine.hypervisor.destroyDomain(web.session.domain)
    t.same(web.sink.endings, ['domain-removed: domain web was removed'])
    t.same(db.sink.take(), ['ring-down web:80', 'domain-down web', 'ring-down db:5'])
    t.same(other.sink.take(), ['ring-down web:80', 'domain-down web'])
    t.same([...db.session.rings.values()], [open])
    t.match(machine.hypervisor.unregisterRing(db.session, forWeb.handle), { code: 'ENOENT' })
    t.equal(other.send('web:80', payload(3)), 'ESRCH')
    t.equal(db.drain(open).length, 1, 'what had arrived is still there')
  },
)

await t.test(
  'a name whose domain is made again is another domain to send to, under the same target',
  async t => {
    const machine = new Machine(['accept tag:old:* -> *:*', 'accept *:* -> tag:new:*'])
    const db = machine.client('db')
    db.ring(1)
    const web = machine.domain('web', ['old'])
    t.equal(db.send('web:80', payload(1)), 'EPERM')
    machine.hypervisor.destroyDomain(web)
    t.equal(db.send('web:80', payload(1)), 'EPERM', 'a name alone has no tags')
    const again = machine.hypervisor.createDomain(web.id, 'web', ['new'])
    t.equal(db.send('web:80', payload(1)), 'ECONNREFUSED', 'nothing of the old one is remembered')
    machine.hypervisor.setTags(again, [])
    t.equal(db.send('web:80', payload(1)), 'EPERM')
  },
)

await t.test('a policy comes into force at once, and every session is told', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  web.ring(80)
  db.ring(1)
  t.equal(db.send('web:80', payload(1)), 'ok')
  const table = policyOf(2)
  machine.hypervisor.setPolicy(table)
  t.equal(db.send('web:80', payload(1)), 'EPERM')
  t.equal(machine.hypervisor.policy, table)
  t.same([web.sink.take(), db.sink.take()], [['policy-changed 2'], ['policy-changed 2']])
})

await t.test('whoever embeds it needs no more than a policy and a clock', async t => {
  const hypervisor = new Hypervisor({
    policy: policyOf(1, 'ask *:* -> *:*'),
    clock: { now: () => 1000 },
  })
  const domain = hypervisor.createDomain(1 as DomainId, 'web')
  const opened = hypervisor.openSession(domain, new Recorder())
  if (!opened.ok) throw new Error(opened.detail)
  const { session } = opened
  const request = { port: 80, partner: DOMID_ANY, length: 4096, failExist: true }
  t.ok(hypervisor.registerRing(session, request).ok)
  const flow = {
    sourcePort: 80 as Port,
    target: hypervisor.targetOfId(domain.id),
    port: 80 as Port,
  }
  t.match(hypervisor.sendv(session, { ...flow, type: DGRAM }, [payload(1)]), { code: 'EAGAIN' })
  hypervisor.tick()
  t.equal(hypervisor.asks.asks().length, 1)
})

await t.test('the table is asked again when what it goes by has changed', async t => {
  const machine = new Machine(['accept @friends:* -> *:*'])
  const db = machine.client('db')
  machine.client('web').ring(80)
  db.ring(1)
  t.equal(db.send('web:80', payload(1)), 'EPERM')
  const element = { kind: 'name', name: 'db', ports: { min: 1, max: 1 } } as const
  machine.hypervisor.policy.membership.add('friends', element)
  machine.hypervisor.forgetDecisions()
  t.equal(db.send('web:80', payload(1)), 'ok')
})

await t.test('counters of rules can be read, set and dropped', async t => {
  const machine = new Machine([ACCEPT_ALL])
  const { hypervisor } = machine
  hypervisor.ruleCounter('r1').hits = 10
  const web = machine.client('web')
  web.ring(80)
  web.send('web:80', payload(1), { from: 80 })
  t.match(hypervisor.ruleCounters.get('r1'), { hits: 11, bytes: 1, lastHit: 1000 })
  hypervisor.dropRuleCounter('r1')
  t.equal(hypervisor.ruleCounters.has('r1'), false)
})

await t.test('a target is one object for a name while anyone holds it', async t => {
  const { hypervisor } = new Machine()
  const target = hypervisor.holdTarget('x')
  t.equal(hypervisor.holdTarget('x'), target)
  t.equal(target.holders, 2)
  hypervisor.releaseTarget(target)
  hypervisor.releaseTarget(target)
  t.throws(() => hypervisor.releaseTarget(target), { name: 'AssertionError' })
  t.not(hypervisor.holdTarget('x'), target)
})

await t.test('an ended session leaves no wish', async t => {
  const machine = new Machine()
  const db = machine.client('db')
  const target = machine.target('x')
  const query = (port: number) => ({ target, port: port as Port, spaceRequired: 0, wantRing: true })
  machine.hypervisor.notify(db.session, 1 as Port, [query(1), query(2)], DGRAM)
  t.same([target.holders, target.wishes.size, db.session.wishes.size], [3, 2, 2])
  db.end()
  t.same([target.holders, target.wishes.size, db.session.wishes.size], [1, 0, 0])
})
