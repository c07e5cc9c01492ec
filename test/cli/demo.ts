import t from 'tap'
import { run } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

await t.test('the demo holds what it shows', async t => {
  const { code, stdout, stderr } = await run(['demo'])
  t.equal(code, 0, stderr)
  t.match(stdout, /Everything held\.\n$/)
  t.match(stdout, /agent is told "EPERM: collector:514: policy rejects this datagram"/)
  t.notMatch(stdout, 'FAILED')
})
