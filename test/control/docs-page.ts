import t from 'tap'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('the page needs nothing from elsewhere and lets no script in but its own', async t => {
  const { call } = buildTestApp(t)
  const page = await call('GET', '/docs')
  t.equal(page.status, 200)
  t.match(page.headers['content-type'], 'text/html')
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, "default-src 'none'")
  t.notMatch(policy, 'unsafe')
  t.notMatch(page.text, /(src|href)="https?:/)
})
