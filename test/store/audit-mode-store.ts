import t from 'tap'
import { EVERYONE } from '../../src/store/audit-mode-store.js'
import { openTestStore } from './fixtures/open-test-store.js'

await t.test('audit mode is kept by domain, and for everyone', async t => {
  const { store } = openTestStore(t)
  const { auditModes } = store
  t.same(auditModes.list(), [])
  for (const name of ['web', 'db', EVERYONE, 'web']) auditModes.set(name, true)
  t.same(auditModes.list(), [EVERYONE, 'db', 'web'])
  auditModes.set(EVERYONE, false)
  auditModes.set('none', false)
  t.same(auditModes.list(), ['db', 'web'])
})

await t.test(
  'audit mode ends with its domain, so that no other of the name inherits it',
  async t => {
    const { store } = openTestStore(t)
    store.domains.add('web', [])
    store.auditModes.set('web', true)
    store.domains.remove('web')
    store.domains.add('web', [])
    t.same(store.auditModes.list(), [])
  },
)
