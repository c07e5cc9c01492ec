import { existsSync } from 'node:fs'
import t from 'tap'
import { CONSOLE_CSP, CONSOLE_PAGE, readConsole } from '../../src/control/console-files.js'

void t.test('what the page and its scripts name is all there, each as what it is', async t => {
  const files = readConsole()
  const page = files.get(CONSOLE_PAGE)!
  const named = [...String(page.body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!)
  t.ok(named.length >= 3)
  for (const url of named) t.ok(files.has(url.replace('/console/', '')), url)
  for (const [name, { body, type, etag }] of files) {
    t.match(name, /^([a-z-]+\/)?[a-z-]+\.(html|css|svg|js)$/)
    t.match(etag, /^"[\w-]{43}"$/)
    t.match(type, /; charset=utf-8$/)
    if (!name.endsWith('.js')) continue
    for (const [, imported = ''] of String(body).matchAll(/from '([^']+)'/g)) {
      const path = new URL(imported, `http://x/${name}`).pathname.slice(1)
      t.ok(files.has(path), `${name} imports ${path}`)
    }
  }
  t.ok(files.has('views/flows.js'))
})

void t.test('nothing inline is in the page, and the rules let nothing in', async t => {
  const page = String(readConsole().get(CONSOLE_PAGE)?.body)
  t.notMatch(page, /<style|<script(?![^>]* src=)[^>]*>|\son\w+=|style=/)
  t.notMatch(CONSOLE_CSP, /unsafe|\*|https?:|blob:/)
  t.match(
    CONSOLE_CSP,
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
  )
})

void t.test('what is written by hand is in the package', async t => {
  for (const name of ['index.html', 'console.css', 'screens.css'])
    t.ok(existsSync(`src/console/${name}`), name)
})
