import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { parse } from 'yaml'
import { connect } from '../../src/sdk/index.js'
import { accessTo } from './fixtures/access.js'
import { runMany } from './fixtures/many.js'
import type { Ran } from './fixtures/clean-env.js'
import { daemon, mainPath, until } from './fixtures/v4v.js'

// What people and programs read, held against fixtures/golden.txt: for a command its table and the
// shape of its JSON. After a change that is meant, `V4V_GOLDEN=write` makes the file anew.

t.setTimeout(230_000)

const golden = join(mainPath, '../../../../test/cli/fixtures/golden.txt')

const policy = {
  'a.yaml': [
    'sets:',
    '  oncall: [db]',
    'rules:',
    '  - id: logs',
    '    accept: web:* -> db:514',
    '    comment: the web tier logs',
    '  - id: mail',
    '    ask: web:* -> db:25',
    'tests:',
    '  - { from: "web:40000", to: "db:514", expect: accept }',
    '',
  ].join('\n'),
}
const next = { 'a.yaml': policy['a.yaml'].replace('db:514\n', 'db:515\n').replace('514"', '515"') }

const bad = {
  'wrong.yaml': 'rules:\n  - accept: web -> db:5432\n',
  'fails.yaml': `${policy['a.yaml'].replace('expect: accept', 'expect: reject')}`,
  'odd.yaml': 'rules:\n  - accept: "*:* -> *:*"\n  - accept: web:* -> db:514\n',
}

/** Changes, each once. */
const before = [
  ['domain', 'add', 'web', '--tag', 'front'],
  ['domain', 'add', 'db'],
  ['domain', 'add', 'old'],
  ['token', 'issue', 'web', '--label', 'laptop', '--expires', '1d'],
]

/** Questions, each as a table, as JSON and as YAML. */
const questions = (dir: string): string[][] => [
  ['domain', 'ls'],
  ['domain', 'show', 'web'],
  ['token', 'ls', 'web'],
  ['token', 'ls'],
  ['token', 'ls', '--ending', '7d'],
  ['token', 'whoami'],
  ['rule', 'ls'],
  ['rule', 'ls', '-v'],
  ['policy', 'show'],
  ['policy', 'history'],
  ['policy', 'plan', `${dir}/next`],
  ['policy', 'check', `${dir}/next`],
  ['policy', 'test', `${dir}/next`],
  ['policy', 'explain', 'web:40000', 'db:514'],
  ['policy', 'who-can', 'db'],
  ['policy', 'what-can', 'db'],
  ['policy', 'graph'],
  ['policy', 'lint'],
  ['policy', 'suggest'],
  ['set', 'ls'],
  ['ring', 'ls'],
  ['session', 'ls'],
  ['flows'],
  ['flows', '--history'],
  ['audit-mode'],
  ['stats'],
  ['audit'],
  ['audit', 'head'],
  ['audit', 'verify'],
  ['check'],
  ['viptables', '-L'],
]

/** What waits for an operator waits for half a minute: so at once. */
const asks = [
  ['ask', 'grant', '1', '--for', '1h'],
  ['ask', 'ls'],
  ['ask', 'revoke', '1'],
]

/** Changes again, which leave nothing as it was. */
const after = (dir: string): string[][] => [
  ['set', 'add', 'oncall', 'web', '--timeout', '1h'],
  ['set', 'ls', 'oncall'],
  ['set', 'rm', 'oncall', 'web'],
  ['rule', 'add', 'drop', '*:*', 'old:*', '--at', '1'],
  ['rule', 'move', 'r1', '2'],
  ['rule', 'zero', 'logs'],
  ['rule', 'rm', 'r1'],
  ['policy', 'apply', `${dir}/next`, '--confirm', '1h', '--reason', 'as planned'],
  ['policy', 'history', '--limit', '1'],
  ['policy', 'confirm'],
  ['policy', 'diff', '4', '5'],
  ['policy', 'rollback', '1'],
  ['policy', 'export', `${dir}/out`],
  ['audit-mode', 'on', '--domain', 'web'],
  ['audit-mode', 'off', '--domain', 'web'],
  ['domain', 'tag', 'web', 'a', 'b'],
  ['domain', 'kick', 'old'],
  ['domain', 'quarantine', 'old'],
  ['domain', 'release', 'old'],
  ['domain', 'rm', 'old'],
  ['token', 'revoke', '2'],
  ['domain', 'add', 'we/b'],
  ['domain', 'show', 'old'],
]

const withoutDaemon = (dir: string): string[][] => [
  ['--help'],
  ['rule', 'add', '--help'],
  ['context', 'add', 'prod', '--url', 'https://v4v.example', '--use'],
  ['context', 'ls'],
  ['context', 'show'],
  ['context', 'rm', 'prod'],
  ['policy', 'fmt', `${dir}/next`],
]

/** What is in answers, but for the values; `?` where not all of them have it. */
function shapeOf(...values: unknown[]): string {
  const objects = values.filter(
    (each): each is Record<string, unknown> =>
      typeof each === 'object' && each !== null && !Array.isArray(each),
  )
  const lists = values.filter(each => Array.isArray(each))
  const shapes = values
    .filter(each => each === null || typeof each !== 'object')
    .map((each): string => (each === null ? 'null' : typeof each))
  if (objects.length > 0) {
    const names = new Set(objects.flatMap(each => Object.keys(each)))
    const fields = [...names].map(name => {
      const having = objects.filter(each => Object.hasOwn(each, name))
      const mark = having.length < objects.length ? '?' : ''
      return `${name}${mark}: ${shapeOf(...having.map(each => each[name]))}`
    })
    shapes.push(`{ ${fields.join(', ')} }`)
  }
  if (lists.length > 0) shapes.push(`[${shapeOf(...lists.flat())}]`)
  return [...new Set(shapes)].sort().join(' | ')
}

/** Text in which what differs from run to run looks the same, and is as long as before. */
function steady(text: string, paths: Readonly<Record<string, string>>): string {
  let said = text
  for (const [name, path] of Object.entries(paths)) said = said.replaceAll(path, name)
  const alike = (word: string): string => word.replace(/[0-9a-f]/g, 'x')
  return said
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'YYYY-MM-DDThh:mm:ssZ')
    .replace(/\bd-[0-9a-f]{12,}\b/g, 'd-xxxxxxxxxxxxx')
    .replace(/\b[0-9a-f]{64}\b/g, alike)
    .replace(/\bv4v_\d+_[A-Za-z0-9_-]{43}/g, 'v4v_2_SECRET')
    .replace(/\b21474836\d\d\b/g, '21474836xx')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
}

/** What one run said. */
function told(line: string, { code, stdout, stderr }: Ran): string {
  const notes = stderr.replace(/^(?=.)/gm, '! ')
  return `$ v4v ${line}\n${stdout}${notes}${code === 0 ? '' : `exit code ${code}\n`}`
}

const dir = t.testdir({ policy, next, bad, config: {} })
const place = await daemon(t, join(dir, 'policy'))
const access = accessTo(place)

await t.test('what is printed is what it was', async t => {
  const env = { V4V_STATE: place.dir, XDG_CONFIG_HOME: join(dir, 'config') }
  const paths = { STATE: place.dir, DIR: dir }
  const lines: string[] = []
  const once = async (all: readonly string[][]): Promise<void> => {
    const rans = await runMany(
      all.map(args => ({ args })),
      env,
    )
    for (const [i, args] of all.entries()) lines.push(told(args.join(' '), rans[i]!))
  }
  const inEachFormat = async (all: readonly string[][]): Promise<void> => {
    const formats = ['table', 'json', 'yaml']
    const rans = await runMany(
      all.flatMap(args => formats.map(format => ({ args: [...args, '-o', format] }))),
      env,
    )
    for (const [i, args] of all.entries()) {
      const [table, json, yaml] = rans.slice(3 * i, 3 * i + 3) as [Ran, Ran, Ran]
      const line = args.join(' ')
      t.same([json.code, yaml.code], [table.code, table.code], line)
      const value: unknown = JSON.parse(json.stdout)
      t.equal(shapeOf(parse(yaml.stdout)), shapeOf(value), `${line}: YAML says what JSON says`)
      lines.push(`${told(line, table)}json: ${shapeOf(value)}\n`)
    }
  }
  await once(before)

  const options = { sharedMemory: 'off', agent: 'golden' } as const
  await using db = await connect({ ...access.as('db', 'own-socket'), ...options })
  await db.bind(514)
  await using web = await connect({ ...access.as('web', 'own-socket'), ...options })
  const ring = await web.bind(0)
  const payload = Buffer.from('hello')
  await ring.send('db:514', payload)
  await sleep(5) // so that one was seen after the other
  await t.rejects(ring.send('old:514', payload), { code: 'EPERM' })
  await sleep(5)
  const waits = ring.send('db:25', payload)
  const refused = t.rejects(waits, { code: 'ECONNREFUSED' }, 'granted, but nobody listens')
  await web.notify([])
  await inEachFormat([['ask', 'ls']])
  await once(asks)
  await refused
  await until(async () => {
    const { flows } = await access.admin.ask<{ flows: unknown[] }>('GET', '/v1/flows/history')
    return flows.length === 3
  })

  await inEachFormat(questions(dir))
  await once(after(dir))
  await once(withoutDaemon(dir))

  const text = steady(lines.join('\n'), paths)
  if (process.env['V4V_GOLDEN'] === 'write') writeFileSync(golden, text)
  // Part by part: what differs then is short.
  const parts = (all: string): string[] => all.split(/^(?=\$ )/m)
  t.strictSame(parts(text), parts(readFileSync(golden, 'utf8')))
})

await t.test('each exit code that README.md names is met', async t => {
  const readme = readFileSync(join(mainPath, '../../../../README.md'), 'utf8')
  const [, sentence = ''] = /^The command ends with (.*?)\. /ms.exec(readme) ?? []
  const named = [...sentence.matchAll(/\b(\d+) (?:when|for) /g)].map(([, code]) => Number(code))
  const [, ofCheck = ''] = /Its exit code is (0 ok, .*?)\./s.exec(readme) ?? []
  const namedOfCheck = [...ofCheck.matchAll(/(\d) (\w+)/g)].map(([, code]) => Number(code))

  const token = readFileSync(join(place.dir, 'admin.token'), 'utf8').trim()
  // From elsewhere: then how full the disk of the machine is does not matter.
  const check = ['check', '--format', 'nagios', '--url', access.url]
  const cases: [number, ...string[]][] = [
    [0, 'domain', 'ls'],
    [0, 'check'],
    [0, '--version'],
    [0, 'policy', 'plan', `${dir}/policy`],
    [0, 'policy', 'diff', `${dir}/policy`, `${dir}/policy`],
    [0, 'policy', 'test', `${dir}/policy`],
    [1, 'domain', 'show', 'nobody'],
    [1, 'send', 'db:9', 'x', '--as', 'web'],
    [1, 'domain', 'ls', '--state', '/nonexistent/v4v'],
    [1, 'check', '--url', 'http://127.0.0.1:9'],
    [2],
    [2, 'domian'],
    [2, 'domain', 'add'],
    [2, 'domain', 'ls', '-o', 'xml'],
    [2, 'domain', 'ls', '--context', 'nobody'],
    [2, 'policy', 'plan', `${dir}/next`],
    [2, 'policy', 'diff', `${dir}/policy`, `${dir}/next`],
    [3, 'domain', 'add', 'we/b'],
    [3, 'policy', 'plan', `${dir}/bad/fails.yaml`],
    [3, 'policy', 'apply', `${dir}/bad/wrong.yaml`],
    [3, 'policy', 'check', `${dir}/bad/wrong.yaml`],
    [3, 'policy', 'test', `${dir}/bad/fails.yaml`],
    [3, 'policy', 'lint', `${dir}/bad/odd.yaml`],
    [3, 'policy', 'fmt', '--check', `${dir}/bad/wrong.yaml`],
  ]
  const ofMonitoring: [number, ...string[]][] = [
    [0, ...check],
    [1, ...check],
    [2, 'check', '--format', 'nagios', '--url', 'http://127.0.0.1:9'],
    [3, 'check', '--format', 'nagios', '--url', 'ftp://x'],
  ]
  const env = { V4V_STATE: place.dir }
  const elsewhere = { V4V_STATE: '/nonexistent', V4V_ADMIN_TOKEN: token }
  const wait = ['rule', 'add', 'drop', '*:*', 'db:1', '--confirm', '1h']
  const rans = await runMany(
    [
      ...cases.map(([, ...args]) => ({ args })),
      { args: ofMonitoring[0]!.slice(1) as string[], env: elsewhere },
      { args: wait },
      ...ofMonitoring.slice(1).map(([, ...args]) => ({ args: args as string[], env: elsewhere })),
    ],
    env,
  )
  t.equal(rans.splice(cases.length + 1, 1)[0]!.code, 0)
  const all = [...cases, ...ofMonitoring]
  for (const [i, [code, ...args]] of all.entries()) {
    t.equal(rans[i]!.code, code, `v4v ${args.join(' ')}: ${rans[i]!.stderr}`)
  }
  t.same([...new Set(cases.map(([code]) => code))], named)
  t.same(
    ofMonitoring.map(([code]) => code),
    namedOfCheck,
  )
})
