import t from 'tap'
import type { DomainId } from '../../src/abi/addr.js'
import type { Limits } from '../../src/abi/limits.js'
import { Hypervisor } from '../../src/hypervisor/hypervisor.js'
import { NameTable } from '../../src/transport/name-table.js'
import { policy } from '../fixtures/hub.js'

function machine(limits: Partial<Limits> = {}): Hypervisor {
  const hypervisor = new Hypervisor({ policy: policy(1), clock: { now: () => 0 }, limits })
  hypervisor.createDomain(1 as DomainId, 'web')
  hypervisor.createDomain(2 as DomainId, 'db')
  return hypervisor
}

await t.test('a handle stands for a name, before and after a domain has it', t => {
  const hypervisor = machine()
  const names = new NameTable(hypervisor)
  const web = hypervisor.domainNamed('web')!
  t.equal(names.define(0x8000, 'web', web), undefined)
  t.equal(names.define(0xffff, 'later', web), undefined)
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
  const web = hypervisor.domainNamed('web')!
  t.equal(names.target(2)?.name, 'db')
  t.equal(names.target(9)?.domain, undefined)
  t.equal(names.define(0x8001, '2', web), undefined)
  t.equal(names.target(0x8001)?.name, 'db')
  t.end()
})

await t.test('what is no handle or no name is refused in a sentence', t => {
  const hypervisor = machine()
  const names = new NameTable(hypervisor)
  const web = hypervisor.domainNamed('web')!
  t.match(names.define(0x7fff, 'web', web), { reason: 'target-malformed', detail: /below 32768/ })
  t.match(names.define(0x8000, 'Web', web), {
    reason: 'target-malformed',
    detail: /a domain name is/,
  })
  t.match(names.define(0x8000, 'tag', web), { reason: 'target-malformed', detail: /reserved/ })
  t.equal(names.define(0x8000, 'control', web), undefined)
  t.match(names.define(0x8000, 'web', web), { reason: 'target-malformed', detail: /taken/ })
  t.end()
})

await t.test('a domain is called by its handle, else by its number, told once', t => {
  const hypervisor = machine()
  const names = new NameTable(hypervisor)
  const web = hypervisor.domainNamed('web')!
  names.define(0x8000, 'web', web)
  names.define(0x8001, 'web', web)
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
  const web = hypervisor.domainNamed('web')!
  names.define(0x8000, 'absent', web)
  const target = names.target(0x8000)!
  t.equal(target.holders, 1)
  t.equal(web.namesHeld, 1)
  names.close()
  t.equal(target.holders, 0)
  t.equal(web.namesHeld, 0)
  t.equal(names.target(0x8000), undefined)
  t.end()
})

await t.test('the sessions of a domain have so many names between them', t => {
  const hypervisor = machine({ targetsPerDomainMax: 2 })
  const [web, db] = ['web', 'db'].map(name => hypervisor.domainNamed(name)!)
  const [one, other, others] = [1, 2, 3].map(() => new NameTable(hypervisor))
  t.equal(one!.define(0x8000, 'a', web!), undefined)
  t.equal(other!.define(0x8000, 'a', web!), undefined)
  t.match(other!.define(0x8001, 'b', web!), { reason: 'targets-too-many', limit: 2, used: 3 })
  t.equal(other!.define(0x8001, '2', web!), undefined, 'a number is none')
  t.equal(others!.define(0x8000, 'b', db!), undefined)
  one!.close()
  t.equal(other!.define(0x8002, 'b', web!), undefined)
  t.end()
})
