import {
  chmodSync,
  mkdirSync,
  rmdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { contextNameProblem, formatContext, parseContext } from '../../src/cli/context.js'
import { Contexts } from '../../src/cli/contexts.js'
import { placeOf } from '../../src/cli/daemon-place.js'
import { runMany } from './fixtures/many.js'
import type { Ran } from './fixtures/clean-env.js'

t.setTimeout(230_000) // it starts processes, on machines of any speed

/** An environment with contexts of its own, and no other word about a daemon. */
function environment(t: Test, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { V4V_STATE: '', V4V_URL: '', V4V_CONTEXT: '', XDG_CONFIG_HOME: t.testdir(), ...more }
}

await t.test('what is written is read again, whatever is in it', async t => {
  const text = fc.string({ minLength: 1, unit: 'grapheme' }).map(each => `/${each}`)
  const more = fc.option(text, { nil: undefined })
  const place = fc.oneof(
    fc.record({ state: text }),
    fc.record({ socket: text }),
    fc.record({ url: fc.webUrl(), socket: text }),
  )
  fc.assert(
    fc.property(place, more, (where, tokenFile) => {
      const context = { name: 'a', ...where, ...(tokenFile !== undefined && { tokenFile }) }
      t.strictSame(parseContext('a', 'a.yaml', formatContext(context)), context)
    }),
  )
})

await t.test('a file that says something else is refused with its line and column', async t => {
  const cases: [string, RegExp][] = [
    ['', /a\.yaml:1:1: a context is a mapping with url, state, socket, tokenFile;/],
    ['- url\n', /a\.yaml:1:1: a context is a mapping/],
    ['url: http://h\nport: 3\n', /a\.yaml:2:1: .*, and nothing else/],
    ['url: [\n', /a\.yaml:2:1: /],
    ['url: http://h\nurl: http://i\n', /a\.yaml:2:1: /],
    ['url: ftp://h\n', /a\.yaml:1:6: url is the URL of a daemon/],
    ['url:\n', /a\.yaml:1:1: url is a text/],
    ['state: lab\n', /a\.yaml:1:8: state is a path from the root on/],
    ['tokenFile: /a\n', /a\.yaml:1:1: a context says where a daemon is/],
    ['state: /a\nurl: http://h\n', /a\.yaml:1:1: .* goes with no url/],
    ['state: /a\nsocket: /b\n', /a\.yaml:1:1: .* goes with no socket/],
  ]
  for (const [text, expected] of cases) {
    t.throws(() => parseContext('a', 'a.yaml', text), { exitCode: 1, message: expected }, text)
  }
})

await t.test('a name can not lead out of the folder', async t => {
  for (const name of ['', '.', '..', '.a', '-a', 'a/b', 'a\n', 'ä', 'a'.repeat(64)]) {
    t.match(contextNameProblem(name), /1 to 63 of A-Z/, name)
  }
  for (const name of ['a', 'Prod_2', 'a.b-c', 'a'.repeat(63)]) {
    t.equal(contextNameProblem(name), undefined, name)
  }
})

await t.test(
  'contexts are files that only their owner reads, and are never half written',
  async t => {
    const env = environment(t)
    const contexts = new Contexts(env)
    t.same(await contexts.names(), [])
    // Of those who add at the same time one has it, and the others hear that.
    const urls = ['http://a/', 'http://b/', 'http://c/']
    const added = await Promise.allSettled(
      urls.map(url => contexts.write({ name: 'prod', url }, false)),
    )
    t.equal(added.filter(({ status }) => status === 'fulfilled').length, 1)
    t.match(
      added.find(({ status }) => status === 'rejected'),
      { reason: { exitCode: 3, message: /there is a context "prod" already/ } },
    )
    await contexts.write({ name: 'prod', url: 'http://d/' }, true)
    await contexts.write({ name: 'lab', state: '/lab' }, false)
    t.same(await contexts.read('prod'), { name: 'prod', url: 'http://d/' })
    const dir = join(env['XDG_CONFIG_HOME']!, 'v4v')
    t.same(readdirSync(join(dir, 'contexts')).sort(), ['lab.yaml', 'prod.yaml'])
    await contexts.use('prod')
    for (const path of [contexts.pathOf('prod'), join(dir, 'context')]) {
      t.equal(statSync(path).mode & 0o777, 0o600, path)
    }
    t.equal(statSync(dir).mode & 0o777, 0o700)
    writeFileSync(join(dir, 'contexts', 'not a name.yaml'), 'url: http://h')
    t.same(await contexts.names(), ['lab', 'prod'])

    t.match(await contexts.chosen(), { name: 'prod' })
    t.match(await new Contexts({ ...env, V4V_CONTEXT: 'lab' }).chosen(), { name: 'lab' })
    await contexts.remove('prod')
    t.equal(await contexts.chosenName(), undefined, 'the current one went with it')
    await t.rejects(contexts.remove('prod'), { exitCode: 2, message: /no context "prod"; .* lab$/ })
    await t.rejects(contexts.use('prod'), { exitCode: 2, message: /no context/ })
    await t.rejects(contexts.write({ name: '../a', url: 'http://a' }, false), {
      exitCode: 2,
      message: /name is/,
    })

    writeFileSync(join(dir, 'context'), 'gone\n')
    await t.rejects(contexts.chosen(), {
      exitCode: 1,
      message: /the current context "gone" is not there any more/,
    })
    await contexts.use(undefined)
    t.equal(await contexts.chosen(), undefined)
    writeFileSync(contexts.pathOf('lab'), 'state: [')
    await t.rejects(contexts.read('lab'), { exitCode: 1, message: /lab.yaml:/ })
    await contexts.remove('lab')
    mkdirSync(contexts.pathOf('lab'))
    await t.rejects(contexts.read('lab'), { exitCode: 1, message: /can't be read: EISDIR/ })
    rmdirSync(contexts.pathOf('lab'))
    t.same(await contexts.names(), [])
    // A folder in place of a file: nobody, root included, can read that.
    await contexts.write({ name: 'x', url: 'http://h' }, false)
    const below = new Contexts({ XDG_CONFIG_HOME: contexts.pathOf('x') })
    t.same(await below.names(), [])
    await t.rejects(below.write({ name: 'y', url: 'http://h' }, false), {
      exitCode: 1,
      message: /can't be written: ENOTDIR/,
    })
  },
)

await t.test(
  'options come before the environment, that before a context, that before none',
  async t => {
    const env = environment(t)
    const contexts = new Contexts(env)
    await contexts.write({ name: 'prod', url: 'http://prod', tokenFile: '/t', socket: '/s' }, false)
    await contexts.write({ name: 'lab', state: '/lab' }, false)
    await contexts.write({ name: 'one', socket: '/a b.sock' }, false)
    const named = async (options: object, more: Record<string, string> = {}): Promise<unknown> => {
      const { url, ...place } = await placeOf(options, { ...env, ...more })
      return { ...place, ...(url !== undefined && { url: url.href }) }
    }
    t.same(await named({}), { by: 'nothing' })
    await contexts.use('prod')
    const prod = { by: 'context', url: 'http://prod/', socket: '/s', tokenFile: '/t' }
    t.same(await named({}), prod)
    t.same(await named({}, { V4V_CONTEXT: 'lab' }), { by: 'context', state: '/lab' })
    const around = { V4V_URL: 'http://around', V4V_CONTEXT: 'lab' }
    t.same(await named({}, around), { by: 'environment', url: 'http://around/' })
    t.same(await named({}, { V4V_STATE: '/x' }), { by: 'environment', state: '/x' })
    t.same(await named({ context: 'prod' }, around), prod)
    t.same(await named({ context: 'one' }), { by: 'context', url: 'unix:/a%20b.sock' })
    t.same(await named({ url: 'http://h' }, { ...around, V4V_STATE: '/x' }), {
      by: 'option',
      url: 'http://h/',
      state: '/x',
    })
    t.same(await named({ state: '/y' }, around), { by: 'option', state: '/y' })
    await t.rejects(named({ context: 'prod', url: 'http://h' }), { exitCode: 2, message: /leave/ })
    await t.rejects(named({ context: 'typo' }), {
      exitCode: 2,
      message: /there are: lab, one, prod/,
    })
    await t.rejects(named({}, { V4V_CONTEXT: 'typo' }), { exitCode: 2, message: /typo/ })
  },
)

await t.test('the command keeps contexts, and lists which of them is meant', async t => {
  const env = environment(t)
  const [none, web, prod, list, shown, named, used, rest, send] = await runMany(
    [
      ['context', 'show'],
      ['context', 'add', 'web', '--socket', '/w.sock'],
      ['context', 'add', 'prod', '--url', 'http://p', '--use', '-o', 'json'],
      ['context', 'ls'],
      ['context', 'show'],
      ['--context', 'web', 'context', 'show'],
      ['context', 'use', 'web'],
      ['stats'],
      ['send', 'db:1', 'x'],
    ].map(args => ({ args })),
    env,
  )
  t.match(none, { code: 1, stderr: /^v4v: no context is chosen; / })
  t.match(web, { code: 0, stdout: 'added context web\n' })
  t.same(JSON.parse(prod!.stdout), { name: 'prod', url: 'http://p' })
  t.equal(
    list!.stdout,
    [
      'CURRENT  NAME  DAEMON    SOCKET   TOKEN FILE',
      '*        prod  http://p  -        -',
      '         web   -         /w.sock  -',
      '',
    ].join('\n'),
  )
  t.match(shown!.stdout, /^name +prod\nurl +http:\/\/p\n[^]*prod\.yaml\n$/)
  t.match(named!.stdout, /^name +web\n/)
  t.match(used!.stdout, 'web is the current one\n')
  t.match(rest, { code: 2, stderr: /^v4v: the context has only a socket[^\n]+\n$/ })
  t.match(send, { code: 1, stderr: /can't attach at unix:\/w\.sock: / })

  writeFileSync(new Contexts(env).pathOf('web'), 'socket: w\n')
  const cases: [string[], number, RegExp][] = [
    [['context', 'add', 'a'], 2, /a context says where a daemon is/],
    [['context', 'add', 'a', '--url', 'x'], 2, /"x" is not the URL of a daemon/],
    [['context', 'add', 'a/b', '--url', 'http://h'], 2, /a context's name is 1 to 63/],
    [['context', 'add', 'prod', '--state', '/x'], 3, /already; use --replace/],
    [['context', 'use'], 2, /give a NAME, or --none/],
    [['context', 'rm', 'typo'], 2, /there is no context "typo"; there are: prod, web/],
    [['stats'], 1, /web\.yaml:1:9: socket is a path from the root on; mend it/],
    [['--context', 'typo', 'stats'], 2, /there is no context "typo"/],
    [['--context=prod', 'stats', '--state', '/x'], 2, /leave out --url and --state/],
    [['--context', 'prod', 'domain', 'list'], 2, /unknown command 'list'.* "v4v domain --help"/],
    [['--context', 'domain', 'rule', 'list'], 2, /unknown command 'list'.* "v4v rule --help"/],
    [['--context'], 2, /argument missing/],
  ]
  const rans = await runMany(
    cases.map(([args]) => ({ args })),
    env,
  )
  for (const [i, [args, code, expected]] of cases.entries()) {
    t.match(rans[i], { code, stdout: '', stderr: /^v4v: [^\n]+\n$/ }, args.join(' '))
    t.match(rans[i]!.stderr, expected)
  }
  const [listed, removed, noneUsed, left] = await runMany(
    [
      { args: ['context', 'ls', '-o', 'json'] },
      { args: ['context', 'rm', 'web'] },
      { args: ['context', 'use', '--none'], env: { V4V_CONTEXT: 'prod' } },
      { args: ['context', 'ls'], env: { V4V_CONTEXT: 'prod', V4V_URL: 'http://u' } },
    ],
    env,
  )
  t.match(listed, { code: 1, stderr: /^v4v: [^\n]*web\.yaml:1:9: [^\n]+\n$/ })
  t.match(JSON.parse(listed!.stdout), [{ name: 'prod', current: false }])
  t.match(removed, { code: 0, stdout: 'removed context web\n' })
  t.match(noneUsed, { code: 0, stderr: /^V4V_CONTEXT is set and comes before/ })
  t.match(left, { code: 0, stdout: /^\* +prod +http:\/\/p/m, stderr: /^V4V_URL is set/ })
})

await t.test('the token of a context goes to its daemon only, and is never shown', async t => {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end('{"domains":[]}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = environment(t)
  const file = join(t.testdir({ admin: 'v4vadmin_1_secret\n' }), 'admin')
  const add = ['context', 'add', 'prod', '--url', url, '--use', '--token-file']
  const list = ['domain', 'ls', '-o', 'json']
  const withFile = async (mode: number, text: string, args = list): Promise<Ran> => {
    writeFileSync(file, text)
    chmodSync(file, mode)
    const [ran] = await runMany([{ args }], env)
    return ran!
  }

  const open = await withFile(0o640, 'v4vadmin_1_secret\n', [...add, file])
  t.match(open, { code: 1, stderr: /^v4v: others can read the token in [^\n]+chmod 600 / })
  t.equal((await withFile(0o600, 'v4vadmin_1_secret\n', [...add, file])).code, 0)
  const around = { V4V_ADMIN_TOKEN: 'around' }
  const rans = await runMany(
    [
      { args: list },
      { args: list, env: around },
      { args: [...list, '--context', 'prod'], env: around },
      { args: [...list, '--url', url] },
      { args: ['context', 'show', '-o', 'json'] },
      { args: ['context', 'ls'] },
      { args: [...add, `${file}-not`, '--replace'] },
    ],
    env,
  )
  t.same(
    rans.map(({ code }) => code),
    [0, 0, 0, 1, 0, 0, 1],
  )
  t.same(seen, ['Bearer v4vadmin_1_secret', 'Bearer around', 'Bearer v4vadmin_1_secret'])
  t.match(rans[3], { stderr: /there is no admin token for / })
  t.match(rans[6], { stderr: /^v4v: the token file [^\n]+: ENOENT\n$/ })
  t.notMatch(rans.map(({ stdout, stderr }) => stdout + stderr).join(), 'secret')
  t.notMatch(readFileSync(new Contexts(env).pathOf('prod'), 'utf8'), 'secret')

  const others = await withFile(0o604, 'v4vadmin_1_secret')
  t.match(others, { code: 1, stderr: /^v4v: others can read [^\n]+\n$/ })
  t.match(JSON.parse(others.stdout), { message: /^others can read / })
  t.notMatch(others.stdout, 'secret')
  for (const text of ['two words', '']) {
    t.match(await withFile(0o600, text), { code: 1, stderr: /^v4v: [^\n]+ holds no token; / })
  }
  t.equal(seen.length, 3)
})
