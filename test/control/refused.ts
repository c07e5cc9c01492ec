import t from 'tap'
import { errorCodes, errorInfo } from '../../src/abi/errno.js'
import { accepted, Refused } from '../../src/control/refused.js'

void t.test('a refusal carries the HTTP status of its code', t => {
  for (const code of errorCodes) {
    const refused = new Refused(code, 'why')
    t.equal(refused.status, errorInfo(code).http, code)
    t.equal(refused.message, 'why')
  }
  t.end()
})

void t.test('what was done is taken out of its outcome, and a refusal is thrown', t => {
  t.same(accepted({ ok: true, revision: 7 }), { ok: true, revision: 7 })
  t.throws(() => accepted({ ok: false, code: 'ENOENT', message: 'no such rule' }), {
    code: 'ENOENT',
    status: 404,
    message: 'no such rule',
  })
  t.end()
})
