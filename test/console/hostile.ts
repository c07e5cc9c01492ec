import t from 'tap'
import { connect } from '../../src/sdk/index.js'
import { startDaemon } from '../fixtures/daemon.js'
import { openConsole } from './fixtures/browser.js'

const HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>javascript:alert(3)'
const POLICY = `
sets: { oncall: [bert] }
rules:
  - { id: a, accept: '@oncall:* -> db:1' }
  - { id: b, ask: 'web:* -> db:2', comment: x }
tests:
  - { from: web:1, to: db:1, expect: reject }
`

/** What decides how an answer is read, and is none of the text that others write. */
const kept = new Set(['kind', 'role', 'status', 'severity', 'verdict', 'action', 'code'])

/** The same with all that others may have written replaced. */
function poisoned(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return kept.has(key) ? value : HOSTILE
  if (Array.isArray(value)) return value.map(each => poisoned(each, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, poisoned(each, name)]),
  )
}

/** An answer, event by event where it goes on. */
async function poison(response: Response): Promise<Response> {
  const { status } = response
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
    const text = await response.text()
    const isJson = text.startsWith('{')
    return new Response(isJson ? JSON.stringify(poisoned(JSON.parse(text))) : HOSTILE, { status })
  }
  const change = (text: string): string =>
    text.replace(/^data: (\{.*)$/gm, (_line, json: string) => {
      return `data: ${JSON.stringify(poisoned(JSON.parse(json)))}`
    })
  const changing = new TransformStream<string, string>({
    transform: (text, controller) => controller.enqueue(change(text)),
  })
  const body = response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(changing)
  return new Response(body.pipeThrough(new TextEncoderStream()), { status })
}

await t.test('text that others wrote stays text in every view', async t => {
  const daemon = await startDaemon(t)
  const { admin } = daemon
  await daemon.addDomains('web', 'db')
  await admin.ask('PUT', '/v1/policy', { documents: [{ name: 'a.yaml', text: POLICY }] })
  await admin.ask('POST', '/v1/sets/oncall/elements', { element: 'db' })
  const web = await connect(daemon.as('web'))
  const ring = await web.bind(40_000)
  t.teardown(() => web.close())
  const send = (to: string): void => void ring.send(to, new Uint8Array(1)).catch(() => undefined)
  send('db:1')
  send('db:2')

  const browser = await openConsole(t, daemon.url)
  browser.answered = poison
  await browser.signIn(admin.token)
  await browser.see('Rejected by default')
  const look = async (what: string): Promise<void> => {
    await browser.see('<script>alert(2)</script>')
    t.same(browser.all('script, iframe, object, embed, form[action], [onerror], [style]'), [], what)
    const images = browser.all('img').map(image => image.getAttribute('src') ?? '')
    t.ok(
      images.every(src => src.startsWith('data:image/svg+xml')),
      `${what}: pictures`,
    )
    for (const link of browser.all('a')) {
      t.match(link.getAttribute('href'), /^(#\/|#main$|\/\w)/, what)
    }
  }
  const links = browser.all('nav a').map(link => link.getAttribute('href')!.slice('#/'.length))
  const views = [...links, 'domain?name=web', 'explain?from=web:1&to=db:1']
  for (const view of views) {
    await browser.go(view)
    await look(view)
  }

  await browser.go('flows')
  await browser.until('a flow', () => browser.all('tbody tr button').length > 0)
  browser.all('tbody tr button')[0]!.click()
  await browser.see('Because')
  await look('a flow')
  await browser.go('history')
  await browser.click('What it changed')
  await browser.see('newly admitted')
  await look('a difference')
  await browser.click('Show')
  await browser.see('Put it into the editor')
  await look('a revision')
  await browser.go('policy')
  await browser.click('Plan')
  await browser.see(/compared with revision|EINVAL/)
  await look('a plan')
  await browser.go('asks')
  await browser.click('Grant')
  await browser.see('For how long')
  await look('a dialog')
  await browser.click('Grant', 'For how long')
  await browser.see('may send to')
  await look('a notice')
  browser.answered = () => Response.json({ code: 'EPERM', message: HOSTILE }, { status: 403 })
  await browser.go('lint')
  await look('a refusal')
})
