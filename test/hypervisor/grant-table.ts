import t from 'tap'
import { MESSAGE_TYPES, type Port } from '../../src/abi/addr.js'
import { payload } from './fixtures/machine.js'
import { ASK_ALL, askedPair } from './fixtures/asked-pair.js'

const one = [payload(1)]

await t.test('a grant can be taken back', async t => {
  const { machine, a } = askedPair()
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  a.run('web:81', one)
  asks.grant(1, 1000, false, 'ann')
  asks.grant(2, 1000, false, 'ann')
  t.equal(a.send('web:80', payload(1)), 'ok')
  t.match(asks.grants.revoke(2), { ok: true, grant: { id: 2 } })
  t.match(asks.grants.revoke(2), { code: 'ENOENT' })
  t.equal(a.send('web:80', payload(1)), 'ok')
  t.match(asks.grants.revoke(1), { ok: true, grant: { id: 1 } })
  t.match(a.run('web:80', one), { code: 'EAGAIN' })
})

await t.test('one more grant for the same flow takes the place of the one before', async t => {
  const { machine, a } = askedPair()
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  a.run('web:80', one, { from: 2 })
  asks.grant(1, 1000, true, 'ann')
  t.match(asks.grants.list(), [{ id: 1 }])
  asks.grants.revoke(1)
  a.run('web:80', one)
  asks.grant(asks.asks()[0]!.id, 1000, true, 'ben')
  t.match(asks.grants.list(), [{ id: 3, by: 'ben' }])
})

await t.test('there is a bound on grants', async t => {
  const { machine, a } = askedPair([ASK_ALL], { grantsMax: 1 })
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  a.run('web:81', one)
  t.match(asks.grant(1, 1000, false, 'ann'), { ok: true })
  t.match(asks.grant(2, 1000, false, 'ann'), { code: 'ENOSPC' })
})

await t.test('a grant comes back for what is left of its time, and no longer', async t => {
  const { machine, a } = askedPair([ASK_ALL], { grantsMax: 2 })
  const { asks } = machine.hypervisor
  const flow = { source: 'a', sourcePort: 1 as Port, destination: 'web', port: 80 as Port }
  const kept = {
    id: 7,
    flow: { ...flow, type: MESSAGE_TYPES.dgram },
    by: 'ann',
    since: 0,
    expires: 1_500,
  }
  const { domain } = a.session
  t.equal(asks.restore(domain, { ...kept, expires: 1_000 }), false, 'it is over')
  t.equal(asks.restore(domain, kept), true)
  t.match(asks.grants.list(), [{ id: 7, by: 'ann', since: 0, expires: 1_500, datagrams: 0 }])
  t.match(a.run('web:80', one), { accepted: 1 })
  const back = { ...kept, id: 3, since: 5_000, expires: 5_100 }
  t.equal(asks.restore(domain, { ...back, flow: { ...back.flow, port: 81 as Port } }), true)
  t.equal(asks.restore(domain, { ...kept, id: 9 }), false, 'that is the limit')
  machine.now += 100
  machine.pass(0)
  t.match(asks.grants.list(), [{ id: 7 }], 'the clock was set back since it was given')
  machine.now += 400
  machine.pass(0)
  t.same(asks.grants.list(), [])
  a.run('web:80', one)
  t.match(asks.asks(), [{ id: 8 }], 'its number is not given again')
})

await t.test('a grant for every port holds where one for a port is over', async t => {
  const { machine, a } = askedPair()
  const { asks } = machine.hypervisor
  a.run('web:80', one)
  asks.grant(1, 1_000, false, 'ann')
  a.run('web:80', one, { from: 2 })
  asks.grant(2, 10_000, true, 'ann')
  machine.now += 1_000
  t.match(a.run('web:80', one, { retry: true }), { accepted: 1 })
})
