import t from 'tap'
import { DENIAL_MS } from '../../src/hypervisor/ask-table.js'
import { GRANT_MS_MAX } from '../../src/hypervisor/grant-table.js'
import { ACCEPT_ALL, payload, policyOf, STREAM, type Client } from './fixtures/machine.js'
import { ASK_ALL, askedPair, EPHEMERAL } from './fixtures/asked-pair.js'

const one = [payload(1)]
const woken = 'space web:80 4096'

await t.test('what is asked about waits at its sender, and is listed', async t => {
  const { machine, a } = askedPair()
  const { asks } = machine.hypervisor
  const first = a.run('web:80', [payload(1), payload(2)])
  t.match(first, { accepted: 0, refused: 2, code: 'EAGAIN' })
  t.not(first.decisionId, 0)
  t.match(a.run('web:80', one), { code: 'EAGAIN', decisionId: 0 })
  t.match(a.run('web:80', one, { type: STREAM }), { code: 'EAGAIN' })
  t.equal(machine.askChanges, 2)
  const { rule } = machine.hypervisor.policy.verdictAt(1)
  const flow = { source: 'a', sourcePort: 1, destination: 'web', port: 80, type: 0x6667 }
  t.match(asks.asks(), [
    { id: 1, rule, since: 1000, deadline: 31_000, datagrams: 3 },
    { id: 2, flow: { ...flow, type: STREAM }, datagrams: 1 },
  ])
  t.match(machine.flows, [
    { effect: 'ask', code: 'EAGAIN', datagrams: 2 },
    { effect: 'ask', code: 'EAGAIN', type: STREAM },
  ])
  t.equal(machine.hypervisor.ruleCounter('r1').hits, 0, 'nothing is settled yet')
})

await t.test('a grant calls who waits, in order, and holds for its time', async t => {
  const { machine, web, a } = askedPair()
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  const outcome = asks.grant(1, 10_000, false, 'ann')
  t.match(outcome, { ok: true, grant: { id: 1, by: 'ann', since: 1000, expires: 11_000 } })
  t.same(a.sink.take(), [woken])
  t.same(asks.asks(), [])
  t.match(a.run('web:80', one), { code: 'EAGAIN' }, 'what was under way does not overtake')
  t.match(a.run('web:80', one, { retry: true }), { accepted: 1 })
  t.match(a.run('web:80', one), { accepted: 1 })
  t.equal(a.send('web:80', payload(3)), 'ok')
  t.match(asks.grants.list(), [{ flow: { source: 'a', sourcePort: 1 }, datagrams: 3 }])
  t.equal(machine.hypervisor.ruleCounter('r1').hits, 3)
  t.match(a.run('web:80', one, { from: 2 }), { code: 'EAGAIN' }, 'another port is another flow')
  t.match(a.run('web:81', one), { code: 'EAGAIN' })
  machine.now += 10_000
  t.match(a.run('web:80', one), { code: 'EAGAIN' }, 'also when nobody has called tick yet')
  machine.pass(0)
  t.same(asks.grants.list(), [])
  t.equal(web.sink.dataCalls, 3)
})

await t.test('a grant may be for every port, and always is for those a daemon picks', async t => {
  const { machine, a } = askedPair()
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  a.run('web:80', one, { from: 2 })
  a.run('web:80', one, { from: 2, type: STREAM })
  t.match(asks.grant(2, 1000, true, 'ann'), { grant: { flow: { sourcePort: undefined } } })
  t.same(a.sink.take(), [woken, woken])
  t.same(
    asks.asks().map(({ id }) => id),
    [3],
  )
  t.equal(a.send('web:80', payload(1)), 'ok')
  t.equal(a.send('web:80', payload(1), { from: EPHEMERAL }), 'ok')

  a.run('web:81', one, { from: EPHEMERAL })
  a.run('web:81', one, { from: EPHEMERAL + 1 })
  t.match(asks.asks()[1], { id: 4, flow: { sourcePort: undefined }, datagrams: 2 })
  t.match(asks.grant(4, 1000, false, 'ann'), { ok: true })
  t.equal(a.send('web:81', payload(1), { from: EPHEMERAL + 1 }), 'ECONNREFUSED')
})

await t.test(
  'who is denied, or asked about for too long, gets EPERM when it comes back',
  async t => {
    const { machine, a } = askedPair()
    const { asks } = machine.hypervisor
    a.run('web:80', one)
    t.match(asks.deny(1), { ok: true, ask: { id: 1 } })
    t.same(a.sink.take(), [woken])
    t.match(a.run('web:80', one, { retry: true }), { code: 'EPERM' })
    t.match(machine.flows.at(-1), { effect: 'reject', verdict: { action: 'ask' }, code: 'EPERM' })
    t.match(asks.deny(1), { code: 'ENOENT' })
    t.match(asks.grant(1, 1000, false, 'ann'), { code: 'ENOENT' })
    machine.pass(DENIAL_MS)
    t.match(a.run('web:80', one), { code: 'EAGAIN' }, 'after a while it may ask again')
    machine.pass(30_000)
    t.same(a.sink.take(), [woken])
    t.match(a.run('web:80', one, { retry: true }), { code: 'EPERM' })
    machine.now += DENIAL_MS
    t.match(a.run('web:80', one), { code: 'EAGAIN' }, 'also when nobody has called tick yet')
    machine.now += 30_000
    t.match(a.run('web:80', one), { code: 'EPERM' })
  },
)

await t.test('whoever embeds it is told when there is something to do', async t => {
  const { machine, a } = askedPair()
  a.run('web:80', one)
  t.same(machine.dues, [30_000])
  machine.hypervisor.asks.grant(1, GRANT_MS_MAX, false, 'ann')
  machine.pass(30_000)
  t.same(machine.dues, [30_000, GRANT_MS_MAX - 30_000])
})

await t.test('there is a bound on what a domain may ask, and on all of it', async t => {
  const { machine, web, a } = askedPair([ASK_ALL], { asksPerDomainMax: 2, asksMax: 3 })
  const ask = (client: Client, port: number): unknown => client.run(`web:${port}`, one).code
  t.same([ask(a, 1), ask(a, 2), ask(a, 3), ask(a, 1)], ['EAGAIN', 'EAGAIN', 'EPERM', 'EAGAIN'])
  const b = machine.client('b')
  b.ring(1)
  t.same([ask(b, 1), ask(b, 2)], ['EAGAIN', 'EPERM'])
  t.equal(web.sink.dataCalls, 0)
})

await t.test('another policy calls those it does not ask about any more', async t => {
  const { machine, a } = askedPair([ASK_ALL])
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  a.run('ghost:81', one)
  a.run('web:82', one, { from: EPHEMERAL })
  machine.hypervisor.setPolicy(policyOf(2, 'accept *:* -> web:80', ASK_ALL))
  t.same(a.sink.take(), [woken, 'policy-changed 2'])
  t.same(
    asks.asks().map(({ id }) => id),
    [2, 3],
  )
  t.equal(a.send('web:80', payload(1)), 'ok')
  machine.hypervisor.isAuditing = true
  t.same(a.sink.take(), ['space ghost:81 4096', 'space web:82 4096'])
  t.same(asks.asks(), [])
})

await t.test(
  'a domain that is destroyed leaves neither asks nor grants, on either side',
  async t => {
    const { machine, a } = askedPair()
    const { hypervisor } = machine
    const b = machine.client('b')
    b.ring(1)
    a.run('web:80', one)
    a.run('b:80', one)
    b.run('a:80', one)
    for (const port of [83, 84]) a.run(`b:${port}`, one)
    b.run('a:83', one)
    b.run('web:83', one)
    hypervisor.asks.grant(4, 1000, false, 'ann')
    hypervisor.asks.grant(6, 1000, false, 'ann')
    hypervisor.asks.grant(7, 1000, false, 'ann')
    a.sink.take()
    hypervisor.destroyDomain(b.session.domain)
    t.same(
      a.sink.take().filter(event => event.startsWith('space')),
      ['space b:80 4096', 'space b:84 4096'],
    )
    t.same(
      hypervisor.asks.asks().map(({ id }) => id),
      [1],
    )
    t.same(hypervisor.asks.grants.list(), [])
    hypervisor.asks.grant(1, 1000, false, 'ann')
    hypervisor.destroyDomain(machine.client('c').session.domain)
    t.equal(hypervisor.asks.grants.list().length, 1)
    hypervisor.destroyDomain(a.session.domain)
    t.same(hypervisor.asks.asks(), [])
  },
)

await t.test('a session that ends is not called any more, and what it asked stays', async t => {
  const { machine, a } = askedPair()
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  a.run('web:81', one)
  asks.grant(2, 1000, false, 'ann')
  a.sink.take()
  a.end()
  t.equal(asks.asks().length, 1)
  asks.grant(1, 1000, false, 'ann')
  t.same(a.sink.take(), [])
})

await t.test(
  'where there is no such domain, a sender can not tell it from one that waits',
  async t => {
    const { machine, a } = askedPair()
    const { hypervisor } = machine
    t.match(a.run('ghost:80', one), { code: 'EAGAIN' })
    hypervisor.asks.deny(1)
    t.same(a.sink.take(), ['space ghost:80 4096'])
    const target = hypervisor.targetOfId(77 as never)
    const flow = { sourcePort: 1 as never, target, port: 80 as never, type: STREAM }
    t.match(hypervisor.sendv(a.session, flow, one), { ok: false, code: 'EAGAIN' })
    hypervisor.setPolicy(policyOf(2, ASK_ALL))
    t.same(a.sink.take(), ['policy-changed 2'])
    hypervisor.asks.deny(2)
    t.same(a.sink.take(), ['space 77:80 4096'])
  },
)

await t.test('a question about a ring says nothing until the flow is granted', async t => {
  const { machine, a } = askedPair(['ask *:1 -> *:*', ACCEPT_ALL])
  const query = (): unknown => {
    const target = machine.target('web')
    const queries = [{ target, port: 80 as never, spaceRequired: 0, wantRing: false }]
    const statuses = machine.hypervisor.notify(a.session, 1 as never, queries, STREAM)
    return Array.isArray(statuses) ? statuses[0]?.code : statuses.code
  }
  t.equal(query(), 'EPERM')
  a.run('web:80', one, { type: STREAM })
  machine.hypervisor.asks.grant(1, 1000, false, 'ann')
  t.equal(query(), null)
})

await t.test('who is not asked about any more sends in order what it was refused', async t => {
  const { machine, web, a } = askedPair(['accept tag:known:* -> *:*', ASK_ALL])
  t.match(a.run('web:80', [payload(1)]), { code: 'EAGAIN' })
  t.match(a.run('web:81', one), { code: 'EAGAIN' })
  machine.hypervisor.setTags(a.session.domain, ['known'])
  t.same(a.sink.take(), [woken, 'space web:81 4096'], 'it does not wait for the time to be over')
  t.match(a.run('web:80', [payload(2)]), { accepted: 0, code: 'EAGAIN' }, 'it was under way')
  t.match(a.run('web:80', [payload(1)], { retry: true }), { accepted: 1 })
  t.match(a.run('web:80', [payload(2)]), { accepted: 1 })
  const [ring] = web.session.rings.values()
  t.same(
    web.drain(ring!).map(({ data }) => data.length),
    [1, 2],
  )
})
