import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildTestApp } from '../control/fixtures/build-app.js'
import { guardedRoutes } from '../control/fixtures/routes.js'
import { ADMIN_ROLES, type AdminRole } from '../../src/store/token-store.js'

interface Endpoint {
  readonly method: string
  readonly path: string
  readonly role: AdminRole
}

// Not imported by its name: it is part of another project, whose types are those of a browser.
const modulePath = new URL('../../src/console/endpoints.js', import.meta.url).href
const { endpoints } = (await import(modulePath)) as {
  readonly endpoints: Readonly<Record<string, Endpoint>>
}

/** What of the README's table the console has, at the least. */
const COVERED_MIN = 0.8
/** What the overview links to, for there is nothing to be made of it. */
const linked = ['GET /openapi.json']

void t.test('the console asks for nothing that the daemon does not describe', async t => {
  const { call } = buildTestApp(t)
  const { paths } = (await call('GET', '/openapi.json')).body as unknown as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  for (const [name, { method, path }] of Object.entries(endpoints)) {
    t.ok(paths[path]?.[method.toLowerCase()], `${name}: ${method} ${path}`)
  }
})

void t.test('the console knows who may do what as the daemon does', async t => {
  const { call, store } = buildTestApp(t)
  for (const [index, role] of ADMIN_ROLES.entries()) {
    const issued = store.tokens.issueAdmin(role)
    if (!issued.ok) throw new Error(issued.message)
    for (const [method, path, url] of guardedRoutes) {
      const known = Object.values(endpoints).find(
        each => each.method === method && each.path === path,
      )
      // Whose token it is decides as well, and a token of an admin is tried here.
      if (known === undefined || path.startsWith('/v1/tokens/')) continue
      const { status } = await call(method, url, undefined, { token: issued.text })
      const isAllowed = index >= ADMIN_ROLES.indexOf(known.role)
      t.equal(status !== 403, isAllowed, `${role} ${method} ${path}`)
    }
  }
})

void t.test('every request that the console knows is made by one of its views', t => {
  const source = readdirSync('src/console', { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !/^(endpoints|answers)\.ts$/.test(file))
    .map(file => readFileSync(join('src/console', file), 'utf8'))
    .join('\n')
  for (const name of Object.keys(endpoints)) {
    t.match(
      source,
      new RegExp(
        `(call|text|stream)\\(\\s*'${name}'|api, '${name}', \\{|\\? '${name}'|: '${name}'$`,
        'm',
      ),
      name,
    )
  }
  for (const route of linked) t.match(source, `'${route.split(' ')[1]}'`)
  t.end()
})

void t.test('the console has most of what the command and REST have, row by row', t => {
  const [, section = ''] = readFileSync('README.md', 'utf8').split(
    '### Each thing by command and by REST',
  )
  const made = new Set([
    ...Object.values(endpoints).map(({ method, path }) => {
      return `${method} ${path.replace('/v1', '').replace(/\{(\w+)\}/g, ':$1')}`
    }),
    ...linked,
  ])
  const rows = section
    .split('\n### ')[0]!
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(2)
    .map(line => {
      const [, feature = '', , routes = ''] = line.split('|').map(cell => cell.trim())
      const listed = [...routes.matchAll(/`([^`]+)`/g)].map(([, route]) => route!)
      return { feature, missing: listed.filter(route => !made.has(route)) }
    })
  t.ok(rows.length > 20)
  const uncovered = rows.filter(({ missing }) => missing.length > 0)
  const share = 1 - uncovered.length / rows.length
  t.comment(`${rows.length - uncovered.length} of ${rows.length} rows`)
  t.ok(share >= COVERED_MIN, JSON.stringify(uncovered))
  t.end()
})
