import t from 'tap'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('each route says what it takes, what that means, and which role it needs', async t => {
  const { call } = buildTestApp(t)
  const { text } = await call('GET', '/docs')
  const [, rest = ''] = text.split('<h2>POST /v1/tokens/{id}/rotate</h2>')
  const [section = ''] = rest.split('<h2>')
  t.match(section, 'Needs an admin token with the role policy-admin or more.')
  t.match(section, 'header, optional, why the change is made, for the audit log')
  t.match(section, '<code>overlap</code>')
  t.match(section, '<code>old</code></td><td>{ id, kind, domain, role,')
})

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
