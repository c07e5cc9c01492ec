import t, { type Test } from 'tap'
import { ManyCommands, runMany, type Asked } from './fixtures/many.js'
import type { Ran } from './fixtures/clean-env.js'
import { run as runAlone } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const commands = new ManyCommands()
t.teardown(() => commands.close())

function run(args: readonly string[], more: Pick<Asked, 'env'> = {}): Promise<Ran> {
  return commands.run({ args, ...more })
}

/** Nothing on stdout, one line on stderr. */
function oneLine(t: Test, stdout: string, stderr: string, expected: RegExp): void {
  t.equal(stdout, '')
  t.match(stderr, /^v4v: [^\n]+\n$/)
  t.match(stderr, expected)
}

await t.test('a wrong command line is one line on stderr and exit code 2', async t => {
  const cases: [string[], RegExp][] = [
    [['domian', 'ls'], /unknown command 'domian' \(Did you mean domain\?\)/],
    [['rule', 'list'], /unknown command 'list'/],
    [['explain'], /unknown command 'explain' \(Did you mean policy explain\?\)/],
    [['domain', 'add'], /missing required argument 'name'/],
    [['domain', 'ls', '-o', 'xml'], /Allowed choices are table, json, yaml/],
    [['domain', 'ls', '--urll', 'x'], /unknown option '--urll' \(Did you mean --url\?\)/],
    [['domain', 'ls', '--url', 'ftp://x'], /is not the URL of a daemon/],
    [['rule', 'add', 'permit', 'a:1', 'b:1'], /Allowed choices are accept, reject, drop/],
    [['rule', 'add', 'accept', 'a', 'b:1'], /"a" has no port/],
    [['rule', 'move', 'r1', '0'], /whole number from 1 up/],
    [['token', 'revoke', 'x'], /not the id of a token/],
    [['token', 'rotate', 'x'], /not the id of a token/],
    [['viptables'], /say what to do: -A, -I, -D, -L or -F/],
    [['viptables', '-A', '-d', 'web'], /-j ACCEPT or -j REJECT/],
    [['listen', '70000000000'], /decimal number from 0 to 4294967294/],
    [['listen', '5', '--size', '1'], /a ring has 48 to/],
    [['listen', '5', '--raw', '--lines'], /cannot be used with/],
    [['listen', '5'], /which domain to be is not said; use --as NAME, or set V4V_TOKEN/],
    [['listen', '5', '--as', '../etc'], /a domain name is 1 to 63/],
    [['send', 'web:1'], /there is nothing to send/],
    [['send', 'web', 'x', '--as', 'a'], /"web" has no port/],
    [['send', 'web:1', 'x', '--stdin'], /exclude each other/],
    [['send', 'web:1', 'x', '--lines'], /--lines goes with --stdin/],
    [['ping', 'web:1', '--interval', '5'], /a time such as 500ms/],
    [['bench', '--from', 'web'], /--from and --to go together/],
    [['bench', '--from', 'web', '--to', 'db:x'], /--to: /],
    [['bench', '--from', 'we/b', '--to', 'db'], /--from: a domain name is 1 to 63/],
    [['bench', '--rate', '0'], /a whole number from 1 to 10000000/],
    [['bench', '--rate', '9', '--size', '7'], /bears the time, which takes 8 bytes/],
    [['bench', '--size', '17MiB'], /a datagram has at most/],
    [['bench', '--transport', 'unix', '--url', 'http://h:1'], /is for the local daemon/],
    [['latency', '--url', 'unix:/tmp/x', '--transport', 'ws'], /is the way of one domain/],
    [['latency', '--seconds', 'soon'], /a number of seconds such as 5/],
    [['serve', '--listen', 'nowhere'], /HOST:PORT/],
    [['policy', 'who-can', 'db', '--domains', 'd.json'], /--domains goes with files/],
    [['policy', 'graph', 'a.yaml', '--revision', '7'], /--revision is of a daemon/],
    [['policy', 'diff', '6', '7', '--domains', 'd.json'], /--domains goes with files/],
  ]
  const rans = await runMany(cases.map(([args]) => ({ args })))
  for (const [i, [args, expected]] of cases.entries()) {
    const { code, stdout, stderr } = rans[i]!
    t.equal(code, 2, args.join(' '))
    oneLine(t, stdout, stderr, expected)
  }
})

await t.test('no command at all shows the help on stderr', async t => {
  const { code, stdout, stderr } = await runAlone([])
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, /Usage: v4v COMMAND/)
  t.match(stderr, /v4v: a command is missing; see "v4v --help"\n$/)
})

await t.test('every command has help with an example', async t => {
  const { stdout } = await run(['--help'])
  const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}| {2}([a-z]+) \[/gm)].map(m => m[1] ?? m[2]!)
  t.ok(names.length >= 16, `found ${names.join(' ')}`)
  const helps = await runMany(names.map(name => ({ args: [name, '--help'] })))
  for (const [i, name] of names.entries()) {
    const help = helps[i]!
    t.equal(help.code, 0, name)
    t.match(help.stdout, /Examples?:\n {2}\$ (v4v|V4V_TOKEN)/, name)
  }
})

await t.test('the version is that of the package', async t => {
  const { code, stdout } = await runAlone(['--version'])
  t.equal(code, 0)
  t.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

await t.test('help and version may be asked for as commands, too', async t => {
  const asked = [['help'], ['help', 'rule', 'add'], ['version']]
  const meant = [['--help'], ['rule', 'add', '--help'], ['--version']]
  const answers = await runMany([...asked, ...meant].map(args => ({ args })))
  t.strictSame(answers.slice(0, asked.length), answers.slice(asked.length))
  t.match(answers[1], { code: 0, stdout: /^Usage: v4v rule add / })
})

await t.test('without a daemon every command says so, why, and what to do', async t => {
  const cases = [
    ['domain', 'ls'],
    ['rule', 'ls'],
    ['check'],
    ['flows', '-f'],
    ['viptables', '-L'],
    ['listen', '5', '--as', 'web'],
    ['send', 'web:1', 'x', '--as', 'web'],
    ['ping', 'web:1', '--as', 'web'],
    ['bench'],
    ['latency', '--transport', 'ws'],
  ]
  const rans = await runMany(cases.map(args => ({ args })))
  for (const [i, args] of cases.entries()) {
    const { code, stdout, stderr } = rans[i]!
    t.equal(code, 1, args.join(' '))
    oneLine(t, stdout, stderr, /no daemon runs with the state folder .*start one with "v4v serve"/)
  }
})

await t.test(
  'a daemon elsewhere needs its address to be right and its token to be given',
  async t => {
    const url = ['--url', 'http://127.0.0.1:9'] // discard: nobody listens there
    const without = await run(['domain', 'ls', ...url])
    t.equal(without.code, 1)
    oneLine(t, without.stdout, without.stderr, /no admin token for .*set V4V_ADMIN_TOKEN/)
    const away = await run(['domain', 'ls', ...url], { env: { V4V_ADMIN_TOKEN: 'x' } })
    t.equal(away.code, 1)
    oneLine(t, away.stdout, away.stderr, /no daemon answers at http:\/\/127\.0\.0\.1:9/)
  },
)

await t.test(
  'policy files are checked without a daemon, exit code 3 when they are wrong',
  async t => {
    const dir = t.testdir({
      'good.yaml': 'rules:\n  - accept: web:* -> db:5432\n',
      'bad.yaml': 'rules:\n  - accept: web -> db:5432\n  - permit: x\n',
    })
    const good = await run(['policy', 'check', `${dir}/good.yaml`])
    t.same([good.code, good.stdout], [0, '1 rule in 1 file: good\n'])
    const bad = await run(['policy', 'check', `${dir}/bad.yaml`])
    t.equal(bad.code, 3)
    t.match(bad.stderr, /bad\.yaml:2:13: "web" has no port/)
    t.match(bad.stderr, /bad\.yaml:3:/)
    const json = await run(['policy', 'check', '-o', 'json', `${dir}/bad.yaml`])
    t.equal(json.code, 3)
    t.match(JSON.parse(json.stdout), {
      ok: false,
      problems: [{ line: 2, column: 13 }, { line: 3 }],
    })
    const missing = await run(['policy', 'check', `${dir}/none.yaml`])
    t.equal(missing.code, 1)
    t.match(missing.stderr, /there is no file or folder .*none\.yaml/)
  },
)

await t.test('policy files explain a decision without a daemon', async t => {
  const dir = t.testdir({ 'a.yaml': 'rules:\n  - id: one\n    accept: web:* -> db:5432\n' })
  const file = ['--file', `${dir}/a.yaml`, '-o', 'json']
  const yes = await run(['policy', 'explain', 'web:1', 'db:5432', ...file])
  t.match(JSON.parse(yes.stdout), { action: 'accept', rule: { id: 'one', position: 1 } })
  const no = await run(['policy', 'explain', 'web:1', 'db:5433', ...file])
  t.match(JSON.parse(no.stdout), { action: 'reject', rule: null })
})

await t.test('the configuration is printed with where each value comes from', async t => {
  const env = { V4V_LISTEN: '127.0.0.1:9999' }
  const { code, stdout } = await run(['config', 'print', '-o', 'json'], { env })
  t.equal(code, 0)
  const settings = JSON.parse(stdout) as { name: string; value: string; origin: string }[]
  t.match(
    settings.find(({ name }) => name === 'port'),
    { value: '9999', origin: 'environment' },
  )
  t.match(
    settings.find(({ name }) => name === 'logLevel'),
    { value: 'info', origin: 'default' },
  )
  const table = await run(['config', 'print', '--origin'], { env })
  t.match(table.stdout, /^port +9999 +environment$/m)
})
