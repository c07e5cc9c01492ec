import { spawn, spawnSync } from 'node:child_process'
import { createServer, type AddressInfo, type Server } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { positionIn } from '../../src/cli/completion/position.js'
import { completionScript } from '../../src/cli/completion/scripts.js'
import { Contexts } from '../../src/cli/contexts.js'
import { programFor } from '../../src/cli/program.js'
import { connect } from '../../src/sdk/index.js'
import { accessTo } from './fixtures/access.js'
import { runMany } from './fixtures/many.js'
import { cleanEnv } from './fixtures/clean-env.js'
import { daemon, ended, mainPath, run } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts processes, on machines of any speed

const policy = {
  'a.yaml': [
    'sets:',
    '  oncall: [web]',
    'rules:',
    '  - id: logs',
    '    accept: web:* -> db:514',
    '  - id: mail',
    '    ask: web:* -> db:25',
    '',
  ].join('\n'),
}

const place = await daemon(t, t.testdir(policy))
const access = accessTo(place)
await access.addDomains('web', 'worker', 'db')
await using db = await connect(access.as('db', 'own-socket'))
await db.bind(514)

type Env = Readonly<Record<string, string>>

/** What `v4v` tells the script of a shell; the last word of a line is the one to finish. */
async function complete(lines: readonly string[][], env: Env = {}): Promise<string[][]> {
  const asked = lines.map(line => ({ args: ['__complete', '--', ...line] }))
  const rans = await runMany(asked, { V4V_STATE: place.dir, ...env })
  return rans.map(({ code, stdout, stderr }) => {
    if (code !== 0 || stderr !== '') throw new Error(`exit code ${code}: ${stderr}`)
    return stdout.split('\n').slice(0, -1)
  })
}

/** How often is asked again: on a machine that stands still names come too late to be shown. */
const TRIES = 20

/** The words that each line can be finished with, without what they mean. */
async function check(t: Test, cases: readonly [string[], string[]][], env?: Env): Promise<void> {
  const words = async (line: string[]): Promise<string[]> =>
    (await complete([line], env))[0]!.map(each => each.split('\t')[0]!)
  const said = await complete(
    cases.map(([line]) => line),
    env,
  )
  for (const [i, [line, expected]] of cases.entries()) {
    let found = said[i]!.map(each => each.split('\t')[0]!)
    for (let tries = 1; found.length < expected.length && tries < TRIES; tries++) {
      found = await words(line)
    }
    t.same(found, expected, line.join(' '))
  }
}

await t.test('a word is what commander would take it for', async t => {
  const program = await programFor([])
  const at = (...line: string[]): unknown => {
    const { path, slot, args, isOption, before, word } = positionIn(
      program,
      line.slice(0, -1),
      line.at(-1)!,
    )
    const name = slot === undefined ? '' : 'flags' in slot ? slot.long : slot.name()
    return [path.join(' '), isOption ? 'option' : name, args.length, before + word]
  }
  t.same(at(''), ['', '', 0, ''])
  t.same(at('--context', 'a'), ['', '--context', 0, 'a'])
  t.same(at('--context', 'a', 'dom'), ['', '', 0, 'dom'])
  t.same(at('domain', 'ls', '-'), ['domain ls', 'option', 0, '-'])
  t.same(at('domain', 'ls', '-o', 'j'), ['domain ls', '--output', 0, 'j'])
  t.same(at('domain', 'ls', '-o', '-'), ['domain ls', '--output', 0, '-'])
  t.same(at('domain', 'ls', '--output=j'), ['domain ls', '--output', 0, '--output=j'])
  t.same(at('domain', 'ls', '--output=json', '-'), ['domain ls', 'option', 0, '-'])
  t.same(at('domain', 'ls', '--watch', ''), ['domain ls', '--watch', 0, ''])
  t.same(at('domain', 'ls', '--watch', '-'), ['domain ls', 'option', 0, '-'])
  t.same(at('domain', 'ls', '--watch', '3', ''), ['domain ls', '', 0, ''])
  t.same(at('rule', 'add', '--replies', 'accept', 'w'), ['rule add', 'from', 1, 'w'])
  t.same(at('rule', 'add', 'accept', 'rule', 'w'), ['rule add', 'to', 2, 'w'])
  t.same(at('policy', 'import', 'a', 'b', ''), ['policy apply', 'file', 2, ''])
  t.same(at('policy', 'explain', '--file', 'a', 'b'), ['policy explain', '--file', 0, 'b'])
  t.same(at('policy', 'explain', '--file', 'a', '-'), ['policy explain', 'option', 0, '-'])
  t.same(at('send', '--', '-'), ['send', 'to', 0, '-'])
  t.same(at('send', 'a:1', 'b', 'c'), ['send', '', 2, 'c'])
  t.same(at('bogus', '--bogus', ''), ['', '', 1, ''])
})

await t.test('any line has a position', async t => {
  const program = await programFor([])
  const names = ['domain', 'ls', 'rule', 'add', '--', '-o', '--file', '--watch', '--context', '=']
  const word = fc.oneof(fc.constantFrom(...names), fc.string())
  fc.assert(
    fc.property(fc.array(word), word, (line, last) => {
      const { before, word: rest } = positionIn(program, line, last)
      t.equal(before + rest, last)
    }),
    { numRuns: 200 },
  )
})

await t.test('every command is finished, with its options and their choices', async t => {
  const { commands } = await programFor([])
  const named = commands.map(each => each.name()).filter(name => !name.startsWith('_'))
  await check(t, [
    [[''], named],
    [['poli'], ['policy']],
    [['domain', 'ls', '--o'], ['--output']],
    [['domain', 'ls', '--output=y'], ['--output=yaml']],
    [
      ['rule', 'add', 'a'],
      ['accept', 'audit', 'ask'],
    ],
    [['policy', 'apply', ''], [':files']],
    [['serve', '--policy', ''], [':files']],
    [['domain', 'add', ''], []],
    [['bogus', ''], []],
  ])
  t.same(await complete([['domain', 'l']]), [['ls\tlist the domains']])
})

await t.test('names are those that the daemon knows now', async t => {
  const { admin } = access
  await admin.ask('PATCH', '/v1/domains/web', { tags: ['front'] })
  await admin.ask('POST', '/v1/sets/oncall/elements', { element: 'db' })
  await using web = await connect(access.as('web', 'own-socket'))
  const ring = await web.bind(0)
  ring.send('db:25', new Uint8Array(1)).catch(() => undefined) // nobody answers it
  await web.notify([])
  await check(t, [
    [
      ['domain', 'show', 'w'],
      ['web', 'worker'],
    ],
    [['domain', 'rm', '--url', access.url, 'd'], ['db']],
    [['send', 'd'], ['db:']],
    [['send', 'db:'], ['db:514']],
    [['listen', '5', '--as', 'wo'], ['worker']],
    [
      ['rule', 'rm', ''],
      ['logs', 'mail'],
    ],
    [['rule', 'add', 'drop', 'tag'], ['tag:front:']],
    [['rule', 'add', 'drop', '@'], ['@oncall:']],
    [['rule', 'add', 'drop', 'web:1', 'db:'], ['db:514']],
    [['set', 'rm', ''], ['oncall']],
    [['set', 'rm', 'oncall', ''], ['db']],
    [['set', 'add', 'oncall', 'tag:'], ['tag:front']],
    [['policy', 'rollback', ''], ['1']],
    [['policy', 'graph', '--revision', ''], ['1']],
    [
      ['policy', 'diff', ''],
      ['1', ':files'],
    ],
    [['token', 'revoke', ''], ['1']],
    [['ask', 'grant', ''], ['1']],
    [['ask', 'revoke', ''], []],
    [['flows', '--rule', 'l'], ['logs']],
  ])
})

await t.test('contexts are named without a daemon, and that of the line is asked', async t => {
  const env = { XDG_CONFIG_HOME: t.testdir(), V4V_STATE: '' }
  const contexts = new Contexts(env)
  await contexts.write({ name: 'here', state: place.dir }, false)
  await contexts.write({ name: 'other', url: 'http://127.0.0.1:9' }, false)
  await check(
    t,
    [
      [
        ['--context', ''],
        ['here', 'other'],
      ],
      [['context', 'use', 'o'], ['other']],
      [['--context', 'here', 'domain', 'show', 'we'], ['web']],
      [['domain', 'show', '--context', 'other', ''], []],
    ],
    env,
  )
})

await t.test('a daemon that says nothing, or nonsense, keeps nobody waiting', async t => {
  const silent = createServer(socket => socket.on('error', () => undefined))
  const wild = createServer(socket => {
    const domains = ['good', '$(x)', 'a b', 'c\nd', '`e`', '*'].map(name => ({ name, tags: [] }))
    const body = JSON.stringify({ domains })
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  })
  const urlOf = async (server: Server): Promise<string> => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const env = { V4V_ADMIN_TOKEN: 'x' }
  // In a process of its own, which must end while the request still waits.
  const ask = ['__complete', '--', 'domain', 'show', '--url', await urlOf(silent), '']
  t.same(await run(ask, { env }), { code: 0, stdout: '', stderr: '' })
  silent.close()
  t.teardown(() => wild.close())
  await check(
    t,
    [
      [['domain', 'show', '--url', 'http://127.0.0.1:9', ''], []],
      // What a shell would obey is left out.
      [['domain', 'show', '--url', await urlOf(wild), ''], ['good']],
    ],
    env,
  )
})

await t.test('each shell has a script, that asks the very program that printed it', async t => {
  t.same(await run(['completion', 'bash']), {
    code: 0,
    stdout: completionScript('bash', [process.execPath, mainPath]),
    stderr: '',
  })
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    t.match(completionScript(shell, ['node', '/v4v']), "'node' '/v4v' __complete -- ", shell)
  }
  t.match(completionScript('bash', ["/it's"]), "'/it'\\''s' __complete")
  t.match(completionScript('fish', ["/it's\\"]), "'/it\\'s\\\\' __complete")
})

const hasBash = spawnSync('bash', ['-c', ':']).status === 0

await t.test('bash finishes lines, also those it parts at = and :', { skip: !hasBash }, async t => {
  // Each line as bash parts it, with | where it does so without a blank.
  const lines: [string, string[]][] = [
    ['v4v send d', ['db:']],
    ['v4v send db|:|5', ['514']],
    ['v4v domain ls --output|=|j', ['json']],
    ['v4v rule add accept @|on', ['@oncall:']],
    ['v4v rule add accept db:* "@on', ['@oncall:']],
    ['v4v send db|:|514 --as wo', ['worker']],
    ['v4v policy apply ', []],
  ]
  const calls = lines.map(([line]) => {
    const cut = line.replaceAll('|', ' ').split(' ')
    const quoted = cut.map(word => `'${word}'`).join(' ')
    const typed = line.replaceAll('|', '')
    return [
      `COMP_LINE='${typed}' COMP_POINT=${typed.length}`,
      `COMP_WORDS=(${quoted}) COMP_CWORD=${cut.length - 1}`,
      `_v4v; echo "\${COMPREPLY[*]}"`,
    ].join('\n')
  })
  const script = `source <('${process.execPath}' '${mainPath}' completion bash)\n${calls.join('\n')}\n`
  const expected = lines.map(([, words]) => words)
  let found: string[][] = []
  for (
    let tries = 0;
    tries < TRIES && JSON.stringify(found) !== JSON.stringify(expected);
    tries++
  ) {
    const env = cleanEnv({ V4V_STATE: place.dir })
    const { stdout, stderr } = await ended(spawn('bash', ['--norc', '-u', '-c', script], { env }))
    t.equal(stderr, '')
    found = stdout
      .replace(/\n$/, '')
      .split('\n')
      .map(line => line.split(' ').filter(Boolean))
  }
  t.same(found, expected)
})
