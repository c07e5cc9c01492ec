import t from 'tap'
import { refuse } from '../../src/store/refusal.js'

await t.test('a refusal carries its code and its sentence', async t => {
  const message = 'there is no rule "r7"'
  t.same(refuse('ENOENT', message), { ok: false, code: 'ENOENT', message })
})
