import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connect } from '../../src/sdk/index.js'
import { until } from '../fixtures/daemon.js'
import { accessTo } from './fixtures/access.js'
import { daemon, mainPath } from './fixtures/v4v.js'

t.setTimeout(240_000) // it starts many processes, on machines of any speed

/** One row of the table in README.md: what is run, with exit codes, and what is requested. */
interface Row {
  readonly commands: readonly (readonly [code: number, ...args: readonly string[]])[]
  readonly requests: readonly (readonly [
    status: number,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ])[]
}

const policy = {
  'a.yaml': `# who may talk to whom
sets: { guests: [] }
rules:
  - id: logs # lines
    accept: web:* -> collector:514
  - id: asked
    ask: web:* -> db:*
tests:
  - { from: web:1, to: collector:514, expect: accept, rule: logs }
`,
}
const documents = [{ name: 'a.yaml', text: policy['a.yaml'] }]
const failing = [{ name: 'a.yaml', text: policy['a.yaml'].replace('accept: w', 'reject: w') }]
const rule = { action: 'drop', source: 'x:*', destination: 'y:1' }
const asked = { from: 'web:1', to: 'control:1' }

/** The end of an audit log without records. */
const NO_RECORD = `0:${'0'.repeat(64)}`

/** What an admin of the README's table does, in this order. */
function rowsFor(dir: string, others: string, more: Record<string, string>): Record<string, Row> {
  const same = join(dir, 'a.yaml')
  const bad = join(others, 'bad.yaml')
  const later = join(others, 'later.yaml')
  const { decision = '' } = more
  return {
    'policy as files': {
      commands: [
        [0, 'policy', 'export', join(dir, 'out')],
        [0, 'policy', 'import', join(dir, 'out')],
        [0, 'policy', 'show'],
      ],
      requests: [
        [200, 'GET', '/policy?form=documents'],
        [200, 'PUT', '/policy', { documents }],
      ],
    },
    'rules, one by one': {
      commands: [
        [0, 'rule', 'ls'],
        [0, 'rule', 'add', 'accept', 'a:*', 'b:1', '--id', 'one', '--at', '1', '--confirm', '1h'],
        [0, 'policy', 'confirm'],
        [0, 'rule', 'move', 'one', '2'],
        [0, 'rule', 'rm', 'one'],
      ],
      requests: [
        [200, 'GET', '/rules'],
        [201, 'POST', '/rules', { ...rule, id: 'two' }],
        [200, 'GET', '/rules/two'],
        [200, 'PATCH', '/rules/two', { comment: 'x' }],
        [200, 'DELETE', '/rules/two'],
      ],
    },
    'schema for editors': {
      commands: [[0, 'policy', 'schema']],
      requests: [[200, 'GET', '/policy/schema']],
    },
    "admins' ends, never by `*`": {
      commands: [[0, 'policy', 'explain', 'web:1', 'control:1']],
      requests: [[200, 'POST', '/policy/explain', asked]],
    },
    lint: {
      commands: [
        [3, 'policy', 'lint', same],
        [3, 'policy', 'lint', '--unused', '30d', '--comments'],
      ],
      requests: [[200, 'GET', '/policy/lint?unused=30d&comments']],
    },
    'check without applying': {
      commands: [
        [0, 'policy', 'check', same],
        [3, 'policy', 'test', bad],
        [0, 'policy', 'fmt', '--check', join(dir, 'out')],
      ],
      requests: [[200, 'POST', '/policy/plan', { documents: failing }]],
    },
    'atomic apply, by revision': {
      commands: [[3, 'policy', 'apply', same, '--if-revision', '1']],
      requests: [[412, 'PUT', '/policy', { documents }, { 'if-match': '"1"' }]],
    },
    'tests keep a bad change out': {
      commands: [[3, 'policy', 'apply', bad]],
      requests: [[400, 'PUT', '/policy', { documents: failing }]],
    },
    'confirm or roll back': {
      commands: [
        [0, 'policy', 'apply', later, '--confirm', '1h'],
        [0, 'policy', 'confirm'],
      ],
      requests: [
        [200, 'PUT', '/policy?confirm=1h', { documents }],
        [200, 'POST', '/policy/confirm', {}],
      ],
    },
    'history, diff, rollback': {
      commands: [
        [0, 'policy', 'history'],
        [0, 'policy', 'diff', '1', '2'],
        [0, 'policy', 'rollback', '1'],
      ],
      requests: [
        [200, 'GET', '/policy/revisions'],
        [200, 'GET', '/policy/revisions/1'],
        [200, 'GET', '/policy/diff?from=1&to=2'],
        [200, 'POST', '/policy/rollback', { revision: 1 }],
      ],
    },
    'is the last good one in use?': {
      commands: [[0, 'check']],
      requests: [[200, 'GET', '/readyz']],
    },
    'explain, also for a size': {
      commands: [
        [0, 'policy', 'explain', 'web:1', 'collector:514', '--revision', '1'],
        [0, 'policy', 'explain', 'web:1', 'collector:514', '--size', '64KiB'],
      ],
      requests: [
        [200, 'POST', '/policy/explain', { ...asked, revision: 1 }],
        [200, 'POST', '/policy/explain', { ...asked, size: 65_536 }],
      ],
    },
    'who can talk to whom': {
      commands: [
        [0, 'policy', 'who-can', 'collector:514'],
        [0, 'policy', 'what-can', 'tag:ops'],
        [0, 'policy', 'graph', '--format', 'svg'],
        [0, 'policy', 'graph', '--format', 'mermaid'],
      ],
      requests: [
        [200, 'GET', '/policy/who-can?domain=tag:ops:1'],
        [200, 'GET', '/policy/what-can?domain=web'],
        [200, 'GET', '/policy/graph?format=dot'],
        [200, 'GET', '/policy/graph', undefined, { accept: 'text/html, image/svg+xml;q=0.9' }],
        [200, 'GET', '/policy/graph', undefined, { accept: 'application/json, image/svg+xml' }],
        [404, 'GET', '/policy/graph?format=mermaid&revision=999'],
      ],
    },
    'plan, with replay': {
      commands: [[0, 'policy', 'plan', same, '--replay', '1h']],
      requests: [[200, 'POST', '/policy/plan?replay=1h', { documents }]],
    },
    suggest: {
      commands: [[0, 'policy', 'suggest']],
      requests: [[200, 'GET', '/policy/suggest']],
    },
    'audit mode': {
      commands: [
        [0, 'audit-mode', 'on', '--domain', 'web'],
        [0, 'audit-mode', 'off', '--domain', 'web'],
      ],
      requests: [
        [200, 'GET', '/audit-mode'],
        [200, 'PUT', '/audit-mode', { on: false }],
      ],
    },
    counters: {
      commands: [
        [0, 'rule', 'ls', '-v'],
        [0, 'rule', 'zero', 'default'],
        [0, 'rule', 'zero', '--reason', 'a new day'],
        [0, 'stats'],
      ],
      requests: [
        [200, 'GET', '/rules'],
        [200, 'POST', '/rules/logs/zero', {}],
        [200, 'POST', '/rules/zero', {}],
        [200, 'GET', '/stats'],
      ],
    },
    'live traffic': {
      commands: [[0, 'traffic', '--count', '1', '--interval', '10ms']],
      requests: [
        [200, 'GET', '/stats?seenSince=1'],
        [200, 'GET', '/rules?hitSince=1'],
        [200, 'GET', '/rings?fullest=3'],
      ],
    },
    'flows, live and past': {
      commands: [
        [0, 'flows', '--verdict', 'reject', '--src', 'web', '--rule', 'default'],
        [0, 'flows', '--history'],
        [0, 'flows', decision],
      ],
      requests: [
        [200, 'GET', '/flows'],
        [200, 'GET', '/flows/history'],
        [200, 'GET', `/decisions/${decision}`],
      ],
    },
    'live sets': {
      commands: [
        [0, 'set', 'add', 'guests', 'web', '--timeout', '10m'],
        [0, 'set', 'ls'],
        [0, 'set', 'rm', 'guests', 'web', '--reason', 'over'],
      ],
      requests: [
        [200, 'GET', '/sets'],
        [201, 'POST', '/sets/guests/elements', { element: 'db' }],
        [200, 'DELETE', '/sets/guests/elements/db'],
      ],
    },
    'asks and grants': {
      commands: [
        [0, 'ask', 'ls'],
        [0, 'ask', 'grant', '1', '--for', '10m'],
        [0, 'ask', 'revoke', '1', '--reason', 'over'],
        [0, 'ask', 'deny', '2'],
      ],
      requests: [
        [200, 'GET', '/asks'],
        [200, 'POST', '/asks/3/grant', { for: '10m' }],
        [200, 'DELETE', '/grants/3'],
        [200, 'POST', '/asks/4/deny', {}],
      ],
    },
    'audit log': {
      commands: [
        [0, 'audit'],
        [0, 'audit', 'head'],
        [0, 'audit', 'verify', '--head', NO_RECORD],
        [1, 'audit', 'verify', '--head', `9${NO_RECORD}`],
        [0, 'audit', 'export'],
      ],
      requests: [
        [200, 'GET', '/audit'],
        [200, 'GET', '/audit/head'],
        [200, 'GET', `/audit/verify?head=${NO_RECORD}`],
      ],
    },
    'the state folder': {
      commands: [
        [0, 'state', 'check'],
        [0, 'state', 'backup', join(others, 'copy.sqlite')],
      ],
      requests: [
        [200, 'GET', '/state/check'],
        [200, 'POST', '/state/backup', {}],
      ],
    },
    domains: {
      commands: [
        [0, 'domain', 'add', 'new'],
        [0, 'domain', 'ls'],
        [0, 'domain', 'show', 'new'],
        [0, 'domain', 'tag', 'new', 'ops'],
        [0, 'domain', 'kick', 'new'],
        [0, 'domain', 'quarantine', 'new', '--reason', 'odd'],
        [1, 'send', 'db:1', 'x', '--as', 'new'],
        [0, 'domain', 'release', 'new'],
        [0, 'domain', 'rm', 'new'],
      ],
      requests: [
        [200, 'GET', '/domains'],
        [201, 'POST', '/domains', { name: 'other' }],
        [200, 'GET', '/domains/other'],
        [200, 'PATCH', '/domains/other', { enabled: false }],
        [200, 'POST', '/domains/other/kick', {}],
        [200, 'DELETE', '/domains/other'],
      ],
    },
    'rings and sessions': {
      commands: [
        [0, 'ring', 'ls'],
        [0, 'session', 'ls'],
        [0, 'session', 'ended', '--by', 'client', '--reason', 'left', '--domain', 'web'],
      ],
      requests: [
        [200, 'GET', '/rings'],
        [200, 'GET', '/sessions'],
        [200, 'GET', '/disconnects?domain=web&reason=left&by=client&limit=5'],
      ],
    },
    'tokens and roles': {
      commands: [
        [0, 'token', 'issue', 'web'],
        [0, 'token', 'issue', '--admin', 'viewer'],
        [0, 'token', 'ls'],
        [0, 'token', 'ls', '--ending', '7d'],
        [0, 'token', 'rotate', '3', '--overlap', '1h', '--expires', '30d', '--reason', 'monthly'],
        [0, 'token', 'revoke', '2'],
        [0, 'token', 'whoami'],
        [0, 'whoami'],
        [0, 'whoami', '--as', 'web'],
      ],
      requests: [
        [201, 'POST', '/tokens', { role: 'operator' }],
        [200, 'GET', '/tokens'],
        [200, 'GET', '/tokens?ending=7d'],
        [201, 'POST', '/domains/web/tokens', {}],
        [200, 'GET', '/domains/web/tokens'],
        [201, 'POST', '/tokens/3/rotate', {}],
        [200, 'DELETE', '/tokens/3'],
        [200, 'GET', '/whoami'],
      ],
    },
    'a description of the API': {
      commands: [
        [0, 'openapi'],
        [0, 'openapi', '-o', 'json'],
      ],
      requests: [[200, 'GET', '/openapi.json']],
    },
  }
}

/** What the table in README.md says: by feature, the commands and the routes. */
function tableOf(readme: string): Map<string, { commands: string[]; routes: string[] }> {
  const [, section = ''] = readme.split('### Each thing by command and by REST')
  const ticked = (cell: string): string[] =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!)
  return new Map(
    section
      .split('\n### ')[0]!
      .split('\n')
      .filter(line => line.startsWith('| '))
      .slice(2)
      .map(line => {
        const [, feature = '', commands = '', routes = ''] = line
          .split('|')
          .map(cell => cell.trim())
        return [feature, { commands: ticked(commands), routes: ticked(routes) }]
      }),
  )
}

await t.test('each row of the table in README.md works as command and as request', async t => {
  const others = { 'bad.yaml': failing[0]!.text, 'later.yaml': `${policy['a.yaml']}# later\n` }
  const root = t.testdir({ good: policy, others })
  const dir = join(root, 'good')
  const place = await daemon(t, dir)
  const access = accessTo(place)
  for (const name of ['web', 'db', 'collector']) {
    await access.admin.ask('POST', '/v1/domains', { name })
  }
  const refused = await place.v4v(['send', 'collector:1', 'x', '--as', 'web'])
  const [, decision = ''] = /\(decision (d-[0-9a-f]+)\)/.exec(refused.stderr) ?? []
  const readme = readFileSync(join(mainPath, '../../../../README.md'), 'utf8')
  const table = tableOf(readme)
  const rows = rowsFor(dir, join(root, 'others'), { decision })
  t.strictSame([...table.keys()], Object.keys(rows))

  await using web = await connect(access.as('web', 'own-socket'))
  for (const [feature, { commands, requests }] of Object.entries(rows)) {
    const named = table.get(feature)!
    if (feature === 'asks and grants') {
      const ring = await web.bind(0)
      const payload = new Uint8Array(1)
      // What is granted finds nobody, what is denied is refused.
      for (const port of [1, 2, 3, 4]) ring.send(`db:${port}`, payload).catch(() => undefined)
      await until(
        () => access.admin.ask<{ asks: unknown[] }>('GET', '/v1/asks'),
        ({ asks }) => asks.length === 4,
      )
    }
    for (const each of named.commands) {
      const isRun = commands.some(([, ...args]) => args.join(' ').startsWith(each))
      t.ok(isRun, `${feature}: v4v ${each} is tried`)
    }
    for (const route of named.routes) {
      const [method = '', path = ''] = route.split(' ')
      const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/?]+')}(\\?|$)`)
      const isMade = requests.some(([, by, to]) => by === method && pattern.test(to))
      t.ok(isMade, `${feature}: ${route} is tried`)
    }
    for (const [code, ...args] of commands) {
      const ran = await place.v4v(args)
      t.equal(ran.code, code, `v4v ${args.join(' ')}: ${ran.stderr}`)
    }
    for (const [status, method, path, body, headers = {}] of requests) {
      const prefix = path === '/readyz' || path === '/openapi.json' ? '' : '/v1'
      const answer = await fetch(`${access.url}${prefix}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${access.admin.token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      t.equal(answer.status, status, `${method} ${path}: ${text.slice(0, 300)}`)
      const asSvg = headers['accept']?.startsWith('text/html') === true
      if (asSvg) t.match(text, /<svg /)
    }
  }
  const { stdout } = await place.v4v(['policy', 'show'])
  t.match(stdout, /^# who may talk to whom\n[^]* # lines\n/, 'comments were kept through all of it')
})
