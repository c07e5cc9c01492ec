import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { NOTIFY_ENTRIES_MAX } from '../../src/abi/limits.js'
import { RING_FLAG } from '../../src/abi/ring-flag.js'
import { noRing, type RingStatus } from '../../src/hypervisor/notify.js'
import { ACCEPT_ALL, DGRAM, Machine, payload, policyOf, type Client } from './fixtures/machine.js'

const { EXISTS, SHARED, EMPTY, SUFFICIENT, EMSGSIZE, EBUSY } = RING_FLAG

/** Asks about one ring. */
function ask(client: Client, to: string, spaceRequired = 0, wantRing = false): RingStatus {
  const [name, port] = to.split(':')
  const query = {
    target: client.machine.target(name!),
    port: Number(port) as Port,
    spaceRequired,
    wantRing,
  }
  const answers = client.machine.hypervisor.notify(client.session, 1 as Port, [query], DGRAM)
  if (!Array.isArray(answers)) throw new Error(answers.code)
  return answers[0]!
}

await t.test('flags say what there is', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  web.ring(80, 128)
  web.ring(81, 128, { partner: db.session.domain.id })
  db.ring(1)
  t.same(ask(db, 'web:80'), {
    flags: EXISTS | SHARED | EMPTY | SUFFICIENT,
    maxMessageBytes: 96,
    spaceBytes: 96,
    code: null,
  })
  t.equal(ask(db, 'web:81', 96).flags, EXISTS | EMPTY | SUFFICIENT)
  t.equal(ask(db, 'web:81', 97).flags, EXISTS | EMPTY | EMSGSIZE)
  db.send('web:81', payload(40))
  t.same(ask(db, 'web:81', 32), {
    flags: EXISTS | SUFFICIENT,
    maxMessageBytes: 96,
    spaceBytes: 32,
    code: null,
  })
  t.equal(ask(db, 'web:81', 33).flags, EXISTS, 'a space event follows')
})

await t.test('no space that is asked for is so large that it looks small', async t => {
  const machine = new Machine()
  machine.client('web').ring(80, 128)
  const db = machine.client('db')
  for (const space of [97, 2 ** 31 - 16, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1]) {
    t.equal(ask(db, 'web:80', space).flags & (SUFFICIENT | EMSGSIZE), EMSGSIZE, String(space))
  }
})

await t.test(
  'a ring that is not there, a domain that is not, and one that policy hides',
  async t => {
    const machine = new Machine(['reject *:* -> hidden:*', 'reject *:* -> ghost:*', ACCEPT_ALL])
    machine.client('web')
    machine.client('hidden').ring(80)
    const db = machine.client('db')
    t.same(ask(db, 'web:80'), noRing('ECONNREFUSED'))
    t.same(ask(db, 'nobody:80'), noRing('ESRCH'))
    t.same(ask(db, 'hidden:80'), noRing('EPERM'))
    t.same(ask(db, 'hidden:81', 0, true), noRing('EPERM'))
    t.same(ask(db, 'ghost:80', 0, true), noRing('EPERM'), 'looks the same')
    t.equal(db.session.wishes.size, 0)
  },
)

await t.test(
  'whoever waits through notify is told of space, also if it sends less meanwhile',
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const db = machine.client('db')
    const ring = web.ring(80, 128)
    db.ring(1)
    db.send('web:80', payload(40))
    t.equal(ask(db, 'web:80', 90).flags, EXISTS | SHARED)
    t.equal(db.run('web:80', [payload(1)]).code, null)
    t.same(db.sink.take(), [])
    web.drain(ring)
    t.same(db.sink.take(), ['space web:80 96'])
  },
)

await t.test('SUFFICIENT ends the wait for as much or less, not that for more', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  const ring = web.ring(80, 128)
  db.ring(1)
  db.send('web:80', payload(40))
  ask(db, 'web:80', 90)
  t.equal(ask(db, 'web:80', 16).flags & SUFFICIENT, SUFFICIENT)
  t.equal(ring.waiters.size, 1)
  t.equal(ask(db, 'web:80', 80).flags, EXISTS | SHARED, 'now it wants that')
  web.consume(ring, 16)
  t.same(db.sink.take(), [])
  web.consume(ring, 32)
  t.same(db.sink.take(), [])
  web.consume(ring, 48)
  t.same(db.sink.take(), ['space web:80 80'])
  t.equal(ask(db, 'web:80', 80).flags & SUFFICIENT, SUFFICIENT)
  t.same(db.sink.take(), [])
})

await t.test('a wait that was held up by another one ends when the space is found', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const [full, large, small] = ['a', 'b', 'c'].map(name => machine.client(name))
  for (const client of [full!, large!, small!]) client.ring(1)
  const ring = web.ring(80, 48 * 4)
  full!.run('web:80', [payload(40), payload(40), payload(24)])
  t.equal(ask(large!, 'web:80', 140).flags, EXISTS | SHARED)
  t.equal(ask(small!, 'web:80', 48).flags, EXISTS | SHARED)
  web.consume(ring, 64)
  t.same([large!.sink.take(), small!.sink.take()], [[], []], 'the large one comes first')
  t.equal(ask(small!, 'web:80', 48).flags & SUFFICIENT, SUFFICIENT)
  t.same(ring.waiters.sessions(), [large!.session])
  t.equal(small!.session.waitingFor.size, 0)
})

await t.test('a full table of waiters is said', async t => {
  const machine = new Machine(undefined, { waitersPerRingMax: 1 })
  const web = machine.client('web')
  web.ring(80, 48)
  const [a, b] = ['a', 'b'].map(name => machine.client(name))
  a!.ring(1)
  a!.send('web:80', payload(16))
  t.equal(ask(a!, 'web:80').flags, EXISTS | SHARED)
  t.equal(ask(b!, 'web:80').flags, EXISTS | SHARED | EBUSY)
  t.equal(ask(a!, 'web:80', 16).flags, EXISTS | SHARED, 'who waits may change its mind')
})

await t.test('a notify wakes those who wait for space in the own rings', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  const ring = web.ring(80, 48)
  db.ring(1)
  db.send('web:80', payload(16))
  db.send('web:80', payload(16))
  ring.share.release(0, ring.buffer.flush())
  t.same(db.sink.take(), [])
  t.same(machine.hypervisor.notify(web.session, 80 as Port, [], DGRAM), [])
  t.same(db.sink.take(), ['space web:80 16'])
})

await t.test(
  'one entry that fails does not take the others with it, and there are 256 at most',
  async t => {
    const machine = new Machine(['reject *:* -> *:1', ACCEPT_ALL])
    const web = machine.client('web')
    web.ring(80)
    const target = machine.target('web')
    const queries = Array.from({ length: NOTIFY_ENTRIES_MAX }, (_, i) => ({
      target,
      port: (i === 7 ? 80 : 1) as Port,
      spaceRequired: 0,
      wantRing: false,
    }))
    const { hypervisor } = machine
    const answers = hypervisor.notify(web.session, 80 as Port, queries, DGRAM) as RingStatus[]
    t.equal(answers.length, NOTIFY_ENTRIES_MAX)
    t.equal(answers.filter(answer => answer.code === 'EPERM').length, NOTIFY_ENTRIES_MAX - 1)
    t.equal(answers[7]!.flags & EXISTS, EXISTS)
    t.match(hypervisor.notify(web.session, 80 as Port, [...queries, queries[0]!], DGRAM), {
      ok: false,
      code: 'EINVAL',
      detail: 'a notify has at most 256 entries',
    })
  },
)

await t.test('a session that has ended is not answered', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  web.end()
  t.match(machine.hypervisor.notify(web.session, 80 as Port, [], DGRAM), { code: 'ECONNRESET' })
})

await t.test(
  'who asks for a ring is told once when it appears, if it may send to it then',
  async t => {
    const machine = new Machine(['accept *:1 -> *:*'])
    const db = machine.client('db')
    const stranger = machine.client('stranger')
    t.same(ask(db, 'web:80', 0, true), noRing('ESRCH'))
    t.same(ask(db, 'web:80', 0, true), noRing('ESRCH'), 'twice is once')
    t.equal(db.session.wishes.size, 1)
    ask(db, 'web:81', 0, true)
    const web = machine.client('web')
    t.same(ask(stranger, 'web:80', 0, true), noRing('ECONNREFUSED'))
    web.ring(80, 4096, { partner: machine.domain('x').id })
    t.same([db.sink.take(), stranger.sink.take()], [[], []], 'that ring is for another')

    machine.hypervisor.setPolicy(policyOf(2, 'accept db:1 -> *:*'))
    const ring = web.ring(80)
    t.same(db.sink.take(), ['policy-changed 2', 'ring-up web:80'])
    t.same(stranger.sink.take(), ['policy-changed 2'], 'policy does not let it know')
    machine.hypervisor.unregisterRing(web.session, ring.handle)
    machine.hypervisor.setPolicy(policyOf(3, ACCEPT_ALL))
    web.ring(80)
    t.same(db.sink.take(), ['policy-changed 3'])
    t.same(stranger.sink.take(), ['policy-changed 3', 'ring-up web:80'], 'the wish was kept')
    t.same([db.session.wishes.size, stranger.session.wishes.size], [1, 0])
  },
)

await t.test('a wish is for a source port and a type, and one event answers several', async t => {
  const machine = new Machine(['accept *:* -> *:* type dgram'])
  const db = machine.client('db')
  const { hypervisor } = machine
  const query = {
    target: machine.target('web'),
    port: 80 as Port,
    spaceRequired: 0,
    wantRing: true,
  }
  hypervisor.notify(db.session, 1 as Port, [query], DGRAM)
  hypervisor.notify(db.session, 2 as Port, [query], DGRAM)
  t.equal(db.session.wishes.size, 2)
  machine.client('web').ring(80)
  t.same(db.sink.take(), ['ring-up web:80'])
})

await t.test('a session has so many wishes at most', async t => {
  const machine = new Machine(undefined, { absentWaitersPerSessionMax: 2 })
  const db = machine.client('db')
  t.same(ask(db, 'web:80', 0, true), noRing('ESRCH'))
  t.same(ask(db, 'web:81', 0, true), noRing('ESRCH'))
  t.same(ask(db, 'web:82', 0, true), noRing('EBUSY'))
  t.same(ask(db, 'web:81', 0, true), noRing('ESRCH'))
})
