import { once } from 'node:events'
import { existsSync, openSync, closeSync, readdirSync, readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { MESSAGE_BYTES_MAX } from '../../src/abi/limits.js'
import { accessTo } from './fixtures/access.js'
import { cleanEnv } from './fixtures/clean-env.js'
import { daemon, mainPath, start, stateDir, until } from './fixtures/v4v.js'

// What an admin in a hurry does: a variable that holds something else, a name left out, a pipe that
// is closed, a disk that is full.

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = {
  'a.yaml': 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n',
  sets: { 'oncall.yaml': 'sets: { oncall: [web] }\n' },
}
const place = await daemon(t, t.testdir(policy))
const access = accessTo(place)
await access.addDomains('web', 'collector')

await t.test('a variable that holds something else than a token is named, not shown', async t => {
  const text = 'v4v_1_half\nof a secret'
  for (const [name, args] of [
    ['V4V_ADMIN_TOKEN', ['domain', 'ls']],
    ['V4V_TOKEN', ['send', 'collector:514', 'x']],
    ['V4V_TOKEN', ['whoami']],
    ['V4V_FROM_TOKEN', ['bench', '--transport', 'ws', '--from', 'web', '--to', 'collector']],
  ] as const) {
    const { code, stdout, stderr } = await place.v4v(args, { env: { [name]: text } })
    t.same([code, stdout], [2, ''])
    t.match(stderr, new RegExp(`^v4v: what is in ${name} is no token; [^\\n]+\\n$`))
    t.notMatch(stderr, 'secret')
  }
})

await t.test('the newline behind a token is none of it', async t => {
  const V4V_TOKEN = `${access.tokens.get('web')!}\n`
  t.match(await place.v4v(['whoami'], { env: { V4V_TOKEN } }), { code: 0, stdout: /domain +web/ })
  const V4V_ADMIN_TOKEN = readFileSync(join(place.dir, 'admin.token'), 'utf8')
  t.match(V4V_ADMIN_TOKEN, /\n$/)
  t.equal((await place.v4v(['domain', 'ls'], { env: { V4V_ADMIN_TOKEN } })).code, 0)
})

await t.test('what was not said is nobody else', async t => {
  const cases: [string[], RegExp][] = [
    [['domain', 'ls', '--url', ''], /"" is not the URL of a daemon/],
    [['send', 'db:1', 'x', '--url', 'unix://run/v4v.sock'], /is not the URL of a daemon/],
    [['domain', 'ls', '--url', 'http://me:word@127.0.0.1:1'], /is not the URL of a daemon/],
    [['rule', 'zero', '.'], /"\." is not the name of anything/],
    [['rule', 'rm', ''], /"" is not the name of anything/],
    [['domain', 'rm', '..'], /"\.\." is not the name of anything/],
    [['set', 'rm', 'oncall', '..'], /"\.\." is not the name of anything/],
    [['flows', '--since', '1h'], /--since goes with --history/],
    [['flows', '--history', '-f'], /exclude each other/],
    [['flows', 'd-1', '--dst', 'db'], /a decision is one alone/],
    [['audit-mode', '--domain', 'web'], /--domain goes with on or off/],
  ]
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await place.v4v(args)
    t.same([code, stdout], [2, ''], args.join(' '))
    t.match(stderr, expected)
  }
})

await t.test('for programs there is one document, whatever comes of it', async t => {
  const dir = await stateDir(t)
  const bad = join(t.testdir({ 'bad.yaml': 'rules:\n  - accept: web -> db:1\n' }), 'bad.yaml')
  const away = { V4V_STATE: '/nonexistent/v4v' }
  const cases: [code: number, answer: object, args: string[], env?: Record<string, string>][] = [
    [0, { revision: 1, files: ['a.yaml', 'sets/oncall.yaml'] }, ['policy', 'export', dir]],
    [1, { code: 'ENOENT', message: 'there is no domain "x"' }, ['domain', 'show', 'x']],
    [1, { message: /no daemon runs/ }, ['domain', 'ls'], away],
    [2, { code: 'EINVAL', message: /unknown option '--all'/ }, ['domain', 'ls', '--all']],
    [2, { code: 'EINVAL', message: /unknown command/ }, ['domian', 'ls']],
    [3, { code: 'EEXIST' }, ['domain', 'add', 'web']],
    [3, { code: 'EINVAL', details: [{ line: 2, column: 13 }] }, ['policy', 'apply', bad]],
    [3, { code: 'EINVAL', details: [{ line: 2, column: 13 }] }, ['policy', 'test', bad]],
    [1, { to: 'web:9', rounds: [{ ok: false }] }, ['ping', 'web:9', '--as', 'web', '--count', '1']],
  ]
  for (const [code, answer, args, env = {}] of cases) {
    const json = await place.v4v([...args, '-o', 'json'], { env })
    t.equal(json.code, code, args.join(' '))
    t.match(JSON.parse(json.stdout), answer, args.join(' '))
    if (code !== 0) t.match(json.stderr, /(^|\n)v4v: [^\n]+\n$/)
  }
  const yaml = await place.v4v(['domain', 'show', 'x', '--output=yaml'])
  t.match(parse(yaml.stdout), { code: 'ENOENT' })
  const table = await place.v4v(['domain', 'show', 'x', '--', '-o', 'json'])
  t.equal(table.stdout, '', 'behind -- there are no options')
})

await t.test(
  'all files of a revision come out of a state folder, those of its sets, too',
  async t => {
    const dir = join(await stateDir(t), 'out')
    const { code, stderr } = await place.v4v(['state', 'export', '1', dir])
    t.same([code, stderr], [0, ''])
    t.equal(readFileSync(join(dir, 'sets', 'oncall.yaml'), 'utf8'), policy.sets['oncall.yaml'])
  },
)

await t.test('what is longer than a datagram can be is not read to its end', async t => {
  const input = Buffer.alloc(MESSAGE_BYTES_MAX + 1)
  const ran = await place.v4v(['send', 'collector:514', '--stdin', '--as', 'web'], { input })
  t.equal(ran.code, 1)
  t.match(ran.stderr, /^v4v: stdin has more than \d+ bytes, [^\n]+--lines\n$/)
})

await t.test(
  'a disk that is full is said in one line',
  { skip: !existsSync('/dev/full') },
  async t => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [mainPath, 'policy', 'schema'], {
      stdio: ['ignore', full, 'pipe'],
      env: cleanEnv(),
    })
    closeSync(full)
    let said = ''
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()))
    t.same(await once(child, 'close'), [1, null])
    t.match(said, /^v4v: ENOSPC: [^\n]+\n$/)
  },
)

await t.test('of a demo that nobody looks at any more nothing is left', async t => {
  const TMPDIR = await stateDir(t)
  const child = start(['demo'], { env: { TMPDIR } })
  const exit = once(child, 'exit')
  const lines = createInterface({ input: child.stdout! })
  for await (const line of lines) if (line.startsWith('1. ')) break
  const [dir] = readdirSync(TMPDIR)
  const { pid } = JSON.parse(readFileSync(join(TMPDIR, dir!, 'daemon.json'), 'utf8')) as {
    pid: number
  }
  child.stdout!.destroy()
  t.same(await exit, [0, null])
  t.same(readdirSync(TMPDIR), [])
  await until(async () => {
    try {
      return !process.kill(pid, 0)
    } catch {
      return true
    }
  })
})
