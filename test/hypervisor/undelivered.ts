import t from 'tap'
import type { Domain } from '../../src/hypervisor/domain.js'
import { noneUndelivered } from '../../src/hypervisor/undelivered.js'
import { payload } from './fixtures/machine.js'
import { pair } from './fixtures/pair.js'

function counted(counts: Domain['undelivered']['from']): object {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

await t.test('at first nothing was undelivered, and each domain counts for itself', async t => {
  const [one, other] = [noneUndelivered(), noneUndelivered()]
  t.same([counted(one.from), counted(one.to)], [{}, {}])
  one.from.EPERM++
  t.same([one.to.EPERM, other.from.EPERM], [0, 0])
})

await t.test(
  'each reason is counted with the sender, and with a receiver that is there',
  async t => {
    const { web, db } = pair(48, ['drop *:* -> *:2', 'reject *:* -> *:3', 'accept *:* -> *:*'])
    for (const to of ['web:2', 'web:3', 'ghost:80', 'web:81']) {
      db.run(to, [payload(1), payload(1)])
      db.send(to, payload(1))
    }
    db.send('web:80', payload(1), { from: 9 })
    db.run('web:80', [payload(1)], { from: 9 })
    db.send('web:80', payload(17))
    db.run('web:80', [payload(1), payload(1), payload(1)])
    db.run('web:80', [payload(1)])

    const both = { drop: 3, EPERM: 3, ECONNREFUSED: 3, EADDRNOTAVAIL: 2, EMSGSIZE: 1, EAGAIN: 3 }
    t.same(counted(db.session.domain.undelivered.from), { ...both, ESRCH: 3 })
    t.same(counted(web.session.domain.undelivered.to), both)
    t.same(counted(web.session.domain.undelivered.from), {})
    const { datagramsRefused, datagramsDropped } = db.session.domain.counters
    t.same([datagramsRefused, datagramsDropped], [15, 3])
  },
)
