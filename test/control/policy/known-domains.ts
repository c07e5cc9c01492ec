import t from 'tap'
import { KnownDomains } from '../../../src/control/policy/known-domains.js'

const web = { id: 1, name: 'web', tags: ['front'] } as never

void t.test('domains are known by name and by number until they are removed', t => {
  const domains = new KnownDomains()
  domains.set([web])
  t.same(domains.all(), [web])
  t.same(domains.subjectOf('web'), web)
  t.equal(domains.nameOf(1 as never), 'web')
  domains.set([{ id: 1, name: 'web', tags: [] } as never])
  t.same(domains.subjectOf('web').tags, [], 'as they are now')
  domains.drop('web')
  t.same(domains.all(), [])
  t.same(domains.subjectOf('web'), { name: 'web', tags: [] })
  t.equal(domains.nameOf(1 as never), undefined)
  t.end()
})
