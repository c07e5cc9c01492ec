import t from 'tap'
import { formatTestEnd, parseTestEnd } from '../../src/policy/test-text.js'

await t.test('an end of a test is a domain or a tag, and one port', async t => {
  t.same(parseTestEnd('web:40000'), { kind: 'name', name: 'web', port: 40_000 })
  t.same(parseTestEnd('0:7'), { kind: 'name', name: 'control', port: 7 })
  t.same(parseTestEnd('tag:web:1'), { kind: 'tag', tag: 'web', port: 1 })
  t.match(parseTestEnd('web'), /"web" has no port/)
  t.match(parseTestEnd('web:*'), /a test names one port, such as web:40000, not "web:\*"/)
  t.match(parseTestEnd('*:1'), /a test names a domain or a tag/)
  t.match(parseTestEnd('@s:1'), /a test names a domain or a tag, .*, not "@s:1"/)
  for (const text of ['web:40000', 'control:7', 'tag:web:1']) {
    const end = parseTestEnd(text)
    t.equal(typeof end === 'string' ? end : formatTestEnd(end), text)
  }
})
