import t from 'tap'
import { refusal } from '../../src/hypervisor/outcome.js'

void t.test('a refusal carries its code, and a detail where there is one', t => {
  t.same(refusal('ENOSPC', 'at most 8'), { ok: false, code: 'ENOSPC', detail: 'at most 8' })
  t.same(refusal('EINVAL'), { ok: false, code: 'EINVAL', detail: '' })
  t.end()
})
