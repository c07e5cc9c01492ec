import t from 'tap'
import { DOMID_MAX } from '../../src/abi/addr.js'
import { defaultLimits } from '../../src/abi/limits.js'
import { cutText, defaultStoreLimits } from '../../src/store/limits.js'

await t.test("the store's bounds are the daemon's where both have one", async t => {
  t.match(defaultLimits, {
    domainsMax: defaultStoreLimits.domainsMax,
    rulesMax: defaultStoreLimits.rulesMax,
  })
})

await t.test(
  'every domain that may be added has an id, and the newest revision is always kept',
  async t => {
    t.ok(defaultStoreLimits.domainsMax <= DOMID_MAX)
    t.ok(defaultStoreLimits.revisionsMax >= 1)
  },
)

await t.test('a text that is too long is cut, and that is told', async t => {
  t.equal(cutText('abc', 3), 'abc')
  t.equal(cutText('abcd', 3), 'ab…')
})
