import t from 'tap'
import type { DomainId, Port } from '../../src/abi/addr.js'
import { Domain } from '../../src/hypervisor/domain.js'
import { Session } from '../../src/hypervisor/session.js'
import { Target } from '../../src/hypervisor/target.js'
import { DGRAM, Recorder } from './fixtures/machine.js'

await t.test('policy sees the domain that has the name, or a stranger without tags', async t => {
  const target = new Target('web', undefined)
  t.same(target.subject, { name: 'web', tags: [] })
  t.equal(target.subject, target.subject, 'one object')
  t.same(target.party, { name: 'web', id: 0 })
  target.domain = new Domain(4 as DomainId, 'web', ['a'])
  t.same(target.subject, { name: 'web', tags: ['a'] })
  t.same(target.party, { name: 'web', id: 4 })
})

await t.test('wishes are noted with both sides', async t => {
  const target = new Target('web', undefined)
  const session = new Session(1, new Domain(1 as DomainId, 'db', []), new Recorder())
  const wish = (sourcePort: number, port: number) => ({
    session,
    sourcePort: sourcePort as Port,
    target,
    port: port as Port,
    type: DGRAM,
  })
  const [a, b, c] = [wish(1, 80), wish(2, 80), wish(1, 81)]
  for (const each of [a, b, c]) target.addWish(each)
  t.same([target.holders, target.wishes.size, session.wishes.size], [3, 2, 3])
  target.removeWish(a)
  t.same([...target.wishes.get(80 as Port)!], [b])
  target.removeWish(b)
  target.removeWish(c)
  t.same([target.wishes.size, session.wishes.size], [0, 0])
})
