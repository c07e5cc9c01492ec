import t from 'tap'
import { ACCEPT_ALL, payload, policyOf, type Client } from './fixtures/machine.js'
import { pair } from './fixtures/pair.js'

await t.test(
  'a burst that does not fit is accepted as a prefix, until it is gone back to',
  async t => {
    const { web, db, ring } = pair(128)
    t.match(
      db.run(
        'web:80',
        [1, 2, 3, 4, 5].map(() => payload(16)),
      ),
      {
        accepted: 3,
        refused: 2,
        code: 'EAGAIN',
        slotBytes: 96,
        decisionId: 0,
      },
    )
    t.equal(db.run('web:80', [payload(0)]).code, 'EAGAIN', 'was under way')
    web.drain(ring)
    t.same(db.sink.take(), ['space web:80 96'])
    t.match(
      db.run('web:80', [payload(0), payload(0)]),
      { refused: 2, code: 'EAGAIN' },
      'and still is',
    )
    t.same(db.sink.take(), [])
    t.match(db.run('web:80', [payload(16), payload(16)], { retry: true }), {
      accepted: 2,
      code: null,
    })
    t.equal(db.run('web:80', [payload(0)]).code, null)
    t.same(
      web.drain(ring).map(({ data }) => data.length),
      [16, 16, 0],
    )
    t.equal(db.session.waitingFor.size, 0)
    t.equal(db.session.blockedOn.size, 0)
  },
)

await t.test('other rings of a session are not held up', async t => {
  const { web, db } = pair(48)
  web.ring(81, 48)
  db.run('web:80', [payload(16), payload(16)])
  t.equal(db.run('web:81', [payload(16)]).code, null)
})

await t.test(
  'a datagram with an outcome of its own neither waits behind a burst nor lets it in',
  async t => {
    const { web, db, ring } = pair(64)
    t.equal(db.run('web:80', [payload(16), payload(16)]).code, 'EAGAIN')
    t.equal(db.send('web:80', payload(0)), 'ok')
    t.equal(db.send('web:80', payload(0)), 'EAGAIN')
    web.drain(ring)
    t.equal(db.run('web:80', [payload(0)]).code, 'EAGAIN', 'still held up')
    t.equal(db.send('web:80', payload(0)), 'ok')
  },
)

await t.test('a table of waiters that is full is EBUSY, and no event follows', async t => {
  const { machine, web, db, ring } = pair(48, undefined, { waitersPerRingMax: 1 })
  const other = machine.client('other')
  other.ring(1)
  db.send('web:80', payload(16))
  t.equal(db.run('web:80', [payload(16)]).code, 'EAGAIN')
  t.equal(db.run('web:80', [payload(16)], { retry: true }).code, 'EAGAIN', 'it waits already')
  t.match(other.run('web:80', [payload(16), payload(1)]), { refused: 2, code: 'EBUSY' })
  t.equal(other.send('web:80', payload(16)), 'EBUSY')
  web.drain(ring)
  t.same([db.sink.take(), other.sink.take()], [['space web:80 16'], []])
  t.match(other.run('web:80', [payload(16)], { retry: true }), { accepted: 1 })
})

await t.test('a share that is used up is EDQUOT', async t => {
  const { machine, web, db, ring } = pair(32 * 4 + 16)
  const other = machine.client('other')
  other.ring(1)
  t.equal(other.send('web:80', payload(16)), 'ok')
  t.match(db.run('web:80', [payload(16), payload(16), payload(16)]), {
    accepted: 2,
    refused: 1,
    code: 'EDQUOT',
  })
  t.equal(db.send('web:80', payload(16)), 'EDQUOT')
  t.equal(other.send('web:80', payload(16)), 'ok', 'which is what it was kept for')
  t.equal(db.send('web:80', payload(16)), 'EAGAIN')
  web.consume(ring, 32)
  t.same(db.sink.take(), [], 'its share is used up all the same')
  web.consume(ring, 64)
  t.same(db.sink.take(), ['space web:80 48'])
  t.equal(db.run('web:80', [payload(16)], { retry: true }).code, null)
})

await t.test('who was told of space has a share until it comes back', async t => {
  const { machine, web, db, ring } = pair(32 * 4 + 16)
  const flood = machine.client('flood')
  flood.ring(1)
  const message = payload(16)
  t.equal(
    flood.run(
      'web:80',
      Array.from({ length: 5 }, () => message),
    ).accepted,
    4,
  )
  t.equal(db.run('web:80', [message]).code, 'EAGAIN')
  web.consume(ring, 32)
  t.same(db.sink.take(), ['space web:80 16'])
  t.equal(flood.run('web:80', [message], { retry: true }).code, 'EDQUOT', 'the space is promised')
  t.equal(db.run('web:80', [message], { retry: true }).code, null)
  t.equal(db.session.waitingFor.size, 0)
})

await t.test(
  'an empty ring calls all who wait, for one that was called may never come back',
  async t => {
    const { machine, web, db, ring } = pair(64)
    const other = machine.client('other')
    other.ring(1)
    db.send('web:80', payload(16))
    t.equal(db.send('web:80', payload(32)), 'EAGAIN')
    t.equal(other.send('web:80', payload(32)), 'EAGAIN')
    web.drain(ring)
    t.same([db.sink.take(), other.sink.take()], [['space web:80 32'], ['space web:80 32']])
  },
)

await t.test('what was promised a space event gets it, whatever it sends meanwhile', async t => {
  const { web, db, ring } = pair(128)
  db.send('web:80', payload(40))
  t.equal(db.send('web:80', payload(60)), 'EAGAIN')
  t.equal(db.send('web:80', payload(1)), 'ok')
  web.drain(ring)
  t.same(db.sink.take(), ['space web:80 96'])
})

await t.test('an owner frees only what it was given', async t => {
  const { machine, db, ring } = pair(128)
  db.send('web:80', payload(16))
  t.equal(machine.hypervisor.consume(ring, 32), false)
  ring.givenOffset = 32
  t.equal(machine.hypervisor.consume(ring, 8), false)
  t.equal(machine.hypervisor.consume(ring, 32), true)
  t.equal(machine.hypervisor.consume(ring, 32), true)
  t.equal(machine.hypervisor.consume(ring, 16), true)
  t.equal(machine.hypervisor.consume(ring, 48), false)
  t.equal(ring.share.heldBytes(db.session.domain.id), 0)
})

await t.test('who goes back and is refused by policy is not held up after that', async t => {
  const { machine, web, db, ring } = pair(64)
  t.match(db.run('web:80', [payload(16), payload(16)]), { accepted: 1, refused: 1, code: 'EAGAIN' })
  machine.hypervisor.setPolicy(policyOf(2))
  web.drain(ring)
  t.match(db.run('web:80', [payload(16)], { retry: true }), { accepted: 0, code: 'EPERM' })
  machine.hypervisor.setPolicy(policyOf(3, ACCEPT_ALL))
  t.match(db.run('web:80', [payload(16)]), { accepted: 1, code: null })
})

await t.test('nor where another ring has the address meanwhile', async t => {
  const { machine, web, db, ring } = pair(64)
  db.run('web:80', [payload(16), payload(16)])
  const other = web.ring(80, 64, { partner: db.session.domain.id })
  web.drain(ring)
  t.match(db.run('web:80', [payload(16)], { retry: true }), { accepted: 1 })
  machine.hypervisor.unregisterRing(web.session, other.handle)
  t.match(db.run('web:80', [payload(16)]), { accepted: 1, code: null })
})

await t.test('who is refused by policy has no claim to space any more', async t => {
  for (const [send, answer] of [
    [(client: Client) => client.send('web:80', payload(16)), 'EPERM'],
    [(client: Client) => client.run('web:80', [payload(16)]).code, 'EPERM'],
  ] as const) {
    const { machine, web, db, ring } = pair(128)
    const other = machine.client('other')
    other.ring(1)
    db.send('web:80', payload(96))
    t.equal(other.send('web:80', payload(16)), 'EAGAIN')
    web.ring(81)
    t.equal(other.send('web:81', payload(16)), 'ok')
    machine.hypervisor.setPolicy(policyOf(2, 'accept db:* -> *:*'))
    web.drain(ring)
    t.match(other.sink.take(), ['policy-changed 2', /^space/])
    t.equal(send(other), answer)
    t.equal(db.send('web:80', payload(96)), 'ok', 'all of the ring')
  }
})
