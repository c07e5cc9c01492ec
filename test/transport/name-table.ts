import t from 'tap'
import type { DomainId } from '../../src/abi/addr.js'
import { Hypervisor } from '../../src/hypervisor/hypervisor.js'
import { NameTable } from '../../src/transport/name-table.js'
import { policy } from '../fixtures/hub.js'

function machine(): Hypervisor {
  const hypervisor = new Hypervisor({ policy: policy(1), clock: { now: () => 0 } })
  hypervisor.createDomain(1 as DomainId, 'web')
  hypervisor.createDomain(2 as DomainId, 'db')
  return hypervisor
}

await t.test('a handle stands for a name, before and after a domain has it', t => {
  const hypervisor = machine()
  const names = new NameTable(hypervisor)
  t.equal(names.define(0x8000, 'web'), undefined)
  t.equal(names.define(0xffff, 'later'), undefined)
  t.equal(names.target(0x8000)?.domain?.id, 1)
  t.equal(names.target(0xffff)?.domain, undefined)
  hypervisor.createDomain(3 as DomainId, 'later')
  t.equal(names.target(0xffff)?.domain?.id, 3)
  hypervisor.destroyDomain(hypervisor.domainNamed('later')!)
  t.equal(names.target(0xffff)?.name, 'later')
  t.equal(names.target(0x9000), undefined)
  t.end()
})

await t.test('a number stands for the domain that has it now', t => {
  const hypervisor = machine()
  const names = new NameTable(hypervisor)
  t.equal(names.target(2)?.name, 'db')
  t.equal(names.target(9)?.domain, undefined)
  t.equal(names.define(0x8001, '2'), undefined)
  t.equal(names.target(0x8001)?.name, 'db')
  t.end()
})

await t.test('what is no handle or no name is refused in a sentence', t => {
  const names = new NameTable(machine())
  t.match(names.define(0x7fff, 'web'), /below 32768/)
  t.match(names.define(0x8000, 'Web'), /a domain name is/)
  t.match(names.define(0x8000, 'tag'), /reserved/)
  t.equal(names.define(0x8000, 'control'), undefined)
  t.match(names.define(0x8000, 'web'), /taken/)
  t.end()
})

await t.test('a domain is called by its handle, else by its number, told once', t => {
  const names = new NameTable(machine())
  names.define(0x8000, 'web')
  names.define(0x8001, 'web')
  t.same(names.numberOf({ name: 'web', id: 1 }), { number: 0x8000, tell: false })
  t.same(names.numberOf({ name: 'db', id: 2 }), { number: 2, tell: true })
  t.same(names.numberOf({ name: 'db', id: 2 }), { number: 2, tell: false })
  t.equal(names.mustTell({ name: 'db', id: 2 }), false)
  t.equal(names.mustTell({ name: 'other', id: 2 }), true, 'a number that is another domain now')
  t.end()
})

await t.test('when it is closed the hypervisor keeps no name for it', t => {
  const hypervisor = machine()
  const names = new NameTable(hypervisor)
  names.define(0x8000, 'absent')
  const target = names.target(0x8000)!
  t.equal(target.holders, 1)
  names.close()
  t.equal(target.holders, 0)
  t.equal(names.target(0x8000), undefined)
  t.end()
})
