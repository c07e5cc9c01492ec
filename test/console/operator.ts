import t from 'tap'
import type { RuleView } from '../../src/control/schemas/rule.js'
import { connect } from '../../src/sdk/index.js'
import { startDaemon } from '../fixtures/daemon.js'
import { openConsole } from './fixtures/browser.js'

const POLICY = `# The shop.
sets:
  oncall: [bert]
rules:
  - id: oncall-to-db
    accept: '@oncall:* -> db:5432'
  - id: never
    reject: '*:* -> db:*'
    comment: the database is closed
  - id: mails
    ask: web:* -> mail:25
tests:
  - { from: mail:1, to: db:5432, expect: reject }
`

const daemon = await startDaemon(t)
const { admin } = daemon
await daemon.addDomains('web', 'db', 'mail')
await admin.ask('PUT', '/v1/policy', { documents: [{ name: '10-shop.yaml', text: POLICY }] })
const web = await connect(daemon.as('web'))
const ring = await web.bind(40_000)
t.teardown(() => web.close())
const payload = new Uint8Array(8)
const send = (to: string): void => void ring.send(to, payload).catch(() => undefined)
const revisionNow = async (): Promise<number> => (await admin.stats()).revision

const browser = await openConsole(t, daemon.url)

await t.test('a token that is none is refused with the sentence of the daemon', async t => {
  await browser.signIn('v4vadmin_1_nonsense')
  await browser.see('EACCES')
  t.equal(browser.window.sessionStorage.length, 0)
  await browser.signIn('two words')
  await browser.see('this is no token')
})

await t.test('an admin signs in and sees how the daemon is', async t => {
  await browser.signIn(admin.token)
  await browser.see('Rejected by default')
  t.match(browser.text, /root.*token 1/s)
  t.match(browser.text, 'the store can be read')
  t.equal(browser.window.sessionStorage.getItem('v4v-admin-token'), admin.token)
})

await t.test('a refused flow is seen as it falls, explained, and admitted by a set', async t => {
  await browser.go('flows?verdict=reject')
  await browser.see('live: ')
  send('db:5432')
  await browser.see('web:40000')
  const row = browser.all('tbody tr').find(each => each.textContent.includes('web:40000'))!
  t.equal(row.className, 'refused')
  row.querySelector('button')!.click()
  await browser.see('rule never at position 2')
  await browser.see('the database is closed')
  t.match(browser.all('.walk .passed')[0]?.textContent, 'oncall-to-db')
  t.match(browser.all('.walk .decides')[0]?.textContent, 'decides')
  await browser.click('Put web into @oncall for 10m')
  browser.fillIn('Reason', 'ticket 7: Zürich')
  await browser.click('Put in')
  await browser.until('the walk to end at the set', () =>
    browser.all('.walk .decides')[0]?.textContent.includes('oncall-to-db'),
  )
  const { records } = await admin.ask<{ records: object[] }>('GET', '/v1/audit?limit=1')
  t.match(records, [{ action: /set/, reason: 'ticket 7: Zürich' }])
})

await t.test('flows that were lost are told, and those that break off come again', async t => {
  browser.answered = (response, { url }) =>
    url.pathname === '/v1/flows' ? new Response('event: lost\ndata: lost=7\n\n') : response
  await browser.go('flows')
  await browser.see('each flow; lost=7')
  await browser.see('the daemon has ended the events')
  browser.answered = response => response
  await browser.see('web:40000')
  t.notMatch(browser.text, 'ECONNRESET')
})

await t.test('what is wrong with a file is said where it is, as it is typed', async t => {
  await browser.go('policy')
  await browser.see('upon revision 2: as in force')
  browser.type(text => text.replace('ask: web:* -> mail:25', 'ask: web:* -> mail'))
  await browser.see('10-shop.yaml:11:19')
  const mark = browser.all('.editor mark.error')[0]!
  t.equal(mark.textContent, 'mail')
  t.match(browser.all('.editor .said')[0]?.textContent, /"mail" has no port/)
  t.equal(browser.all('.editor .numbers .error')[0]?.textContent, '11')
  await browser.click('Apply')
  await browser.see('EINVAL')
  t.equal(await revisionNow(), 2, 'and nothing has changed')
  browser.type(text =>
    text.replace('-> mail\n', '-> mail:25\n').replace('expect: reject', 'expect: drop'),
  )
  await browser.see('10-shop.yaml:13')
  t.notMatch(browser.text, 'EINVAL', 'what was said of the text before is gone')
  t.match(browser.all('.editor .said.error')[0]?.textContent, /expected drop, but it is reject/)
})

await t.test('a plan says what would change, and an applied one is confirmed in time', async t => {
  browser.type(text =>
    text.replace('expect: drop', 'expect: reject').replace("'*:* -> db:*'", 'mail:* -> db:*'),
  )
  await browser.click('Plan')
  await browser.see('this would change, compared with revision 2')
  t.match(browser.text, '0 added, 0 removed, 1 changed, 0 moved')
  t.match(browser.text, /reject \*:\* -> db:\* +# the database is closed ⇒ reject mail:\* -> db:/)
  browser.fillIn('Roll back unless confirmed within', '1h')
  browser.fillIn('Reason', 'only mail is kept out')
  await browser.click('Apply')
  await browser.see('Revision 3 goes back to 2 in ')
  t.match(browser.text, 'upon revision 3: as in force')
  await browser.click('Confirm')
  await browser.see('Revision 3 stays.')
  await browser.until('the banner to go', () => browser.all('.unconfirmed').length === 0)
  const kept = await admin.ask<{ unconfirmed: null }>('GET', '/v1/policy/revisions?limit=1')
  t.match(kept, {
    revision: 3,
    unconfirmed: null,
    revisions: [{ reason: 'only mail is kept out' }],
  })
})

await t.test('who was not first is told so, sees what others did, and goes on upon it', async t => {
  browser.type(text => text.replace('# The shop.', '# The shop, again.'))
  await admin.addRule('drop', 'web:*', 'mail:1', 4)
  await browser.click('Apply')
  await browser.see('ESTALE')
  await browser.click('What did they change?')
  await browser.see('1 added, 0 removed')
  t.equal(await revisionNow(), 4, 'what they did is still in force')
  await browser.click('Keep my files upon theirs')
  await browser.see('now stand upon revision 4')
  await browser.click('Discard changes')
  await browser.see('upon revision 4: as in force')
})

await t.test('a rule is added, changed and removed, and its counters start again', async t => {
  await browser.go('rules')
  await browser.click('Add a rule')
  browser.fillIn('Id', 'logs')
  browser.fillIn('From', 'web')
  browser.fillIn('To', 'mail:514')
  await browser.click('Add')
  await browser.see('"web" has no port')
  browser.fillIn('From', 'web:*')
  browser.fillIn('Rate', '10/s')
  browser.fillIn('Burst', '20')
  await browser.click('Add', 'Id')
  await browser.see('Rule logs is in force')
  await browser.click('Change', 'logs')
  await browser.see('Change rule logs')
  browser.fillIn('Rate', '')
  browser.fillIn('Burst', '')
  browser.fillIn('Comment', 'without a limit')
  await browser.click('Change', 'Change rule logs')
  await browser.see('Rule logs was changed')
  const rule = await admin.ask<RuleView>('GET', '/v1/rules/logs')
  t.match(rule, { source: 'web:*', comment: 'without a limit', rate: undefined, position: 5 })
  await browser.click('Zero', 'oncall-to-db')
  await browser.click('Zero', 'What they stand at')
  await browser.see('hits of oncall-to-db are retired.')
  await browser.click('Remove', 'without a limit')
  await browser.click('Remove', 'Remove rule logs')
  await browser.see('Rule logs is gone')
  t.equal((await admin.request('GET', '/v1/rules/logs')).status, 404)
})

await t.test('an operator grants what waits, and takes it back', async t => {
  await browser.go('asks')
  await browser.see('Nothing waits.')
  send('mail:25')
  await browser.click('Grant', 'mail:25')
  browser.fillIn('For how long', 'a while')
  await browser.click('Grant', 'For how long')
  await browser.see('"a while" is not a length of time')
  browser.fillIn('For how long', '10m')
  await browser.click('Grant', 'For how long')
  await browser.see(/web:\* may send to mail:25 until|web:40000 may send to mail:25 until/)
  await browser.see('Nothing waits.')
  await browser.click('Revoke', 'mail:25')
  await browser.click('Revoke', 'asked about again')
  await browser.see('Nothing was granted.')
  t.match(await admin.ask('GET', '/v1/asks'), { asks: [], grants: [] })
})

await t.test('who works by keyboard stays where he is, and never comes to another row', async t => {
  await browser.go('asks')
  await browser.see('Nothing waits.')
  const focused = (): string => {
    const { activeElement } = browser.window.document
    return `${activeElement?.textContent} ${activeElement?.closest('tr')?.textContent ?? 'nowhere'}`
  }
  const deny = async (port: number): Promise<void> => {
    const { asks } = await admin.ask<{ asks: { id: number; destination: string }[] }>(
      'GET',
      '/v1/asks',
    )
    const { id } = asks.find(({ destination }) => destination === `mail:${port}`)!
    await admin.ask('POST', `/v1/asks/${id}/deny`, {})
  }
  await admin.ask('POST', '/v1/rules', {
    id: 'mails-too',
    action: 'ask',
    source: 'web:*',
    destination: 'mail:26-28',
  })
  for (const port of [26, 27]) {
    send(`mail:${port}`)
    await browser.find('Grant', `mail:${port}`)
  }
  ;(await browser.find('Grant', 'mail:27')).focus()
  await deny(26)
  await browser.until('one row', () => !browser.text.includes('mail:26'))
  t.match(focused(), /^Grant .*mail:27/)
  send('mail:28')
  await browser.find('Grant', 'mail:28')
  t.match(focused(), /^Grant .*mail:27/)
  await deny(27)
  await browser.until('another row', () => !browser.text.includes('mail:27'))
  t.match(focused(), /nowhere/)
  await deny(28)
  await browser.see('Nothing waits.')
  await admin.ask('DELETE', '/v1/rules/mails-too')
})

await t.test('a domain is made, gets a token that is shown once, and goes', async t => {
  await browser.go('domains')
  await browser.click('Add a domain')
  browser.fillIn('Name', 'Not A Name')
  await browser.click('Add')
  await browser.see('EINVAL')
  browser.fillIn('Name', 'guest')
  browser.fillIn('Tags', 'ops, far')
  await browser.click('Add')
  await browser.see('The domain guest is there.')
  await browser.go('domain?name=guest')
  await browser.click('Issue a token')
  await browser.click('Issue')
  await browser.see('shown this once')
  const token = browser.all('dialog textarea')[0]!.value
  t.match(token, /^v4v_\d+_/)
  await browser.click('I have kept it')
  await browser.until('the dialogs to go', () => browser.all('dialog').length === 0)
  t.notMatch(browser.window.document.documentElement.outerHTML, token)
  await browser.click('Quarantine')
  await browser.click('Quarantine', 'can not attach')
  await browser.see('guest is in quarantine.')
  await browser.click('Remove')
  await browser.click('Remove', 'It goes with its tokens')
  await browser.see('The domain guest is gone.')
  t.notOk((await admin.domains()).some(({ name }) => name === 'guest'))
})

await t.test('every view shows itself without a complaint', async t => {
  const views = browser.all('nav a').map(link => link.getAttribute('href')!.slice('#/'.length))
  t.ok(views.length >= 15)
  for (const view of [
    ...views,
    'domain?name=web',
    'explain?from=web:1&to=db:5432',
    'no-such-view',
  ]) {
    await browser.go(view)
    t.equal(browser.all('main .problem').length, 0, `${view}: ${browser.text.slice(0, 2000)}`)
  }
})

await t.test('a viewer may look at everything and press nothing that changes', async t => {
  const issued = await admin.ask<{ text: string }>('POST', '/v1/tokens', { role: 'viewer' })
  await browser.signOut()
  t.equal(browser.window.sessionStorage.length, 0)
  await browser.signIn(issued.text)
  await browser.see('Rejected by default')
  for (const [view, text] of [
    ['rules', 'Add a rule'],
    ['domains', 'Kick'],
    ['sets', 'Put in'],
    ['policy', 'Apply'],
    ['audit-mode', 'Switch on'],
    ['tokens', 'Issue a token'],
    ['history', 'Roll back to it'],
  ] as const) {
    await browser.go(view)
    const button = await browser.find(text)
    t.equal(button.disabled, true, `${view}: ${text}`)
    t.match(button.title, /^this needs the role/)
  }
  await browser.go('policy')
  const plan = await browser.find('Plan')
  t.equal(plan.disabled, false)
})

await t.test('who is revoked meanwhile is led out with the reason', async t => {
  const { tokens } = await admin.ask<{ tokens: { id: number; role: string }[] }>(
    'GET',
    '/v1/tokens',
  )
  const viewer = tokens.find(({ role }) => role === 'viewer')!
  await admin.ask('DELETE', `/v1/tokens/${viewer.id}`)
  await browser.go('rules').catch(() => undefined)
  await browser.see('EKEYREVOKED')
  t.equal(browser.window.sessionStorage.length, 0)
})
