import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Ran } from './fixtures/clean-env.js'
import { ManyCommands } from './fixtures/many.js'

const tiers = `tags:
  web: [web1]
rules:
  - id: no-ssh
    reject: '*:* -> db:22'
  - id: web-to-db
    accept: tag:web:* -> db:*
    replies: true
tests:
  - { from: web1:1, to: db:5432, expect: accept, rule: web-to-db }
  - { from: web1:1, to: db:22, expect: reject, rule: no-ssh }
`

const commands = new ManyCommands()
t.teardown(() => commands.close())

/** Runs `v4v policy`; there is no daemon anywhere. */
function policy(...args: string[]): Promise<Ran> {
  return commands.run({ args: ['policy', ...args] })
}

await t.test('tests in files are run, and one that fails is named with its place', async t => {
  const dir = t.testdir({ '10-tiers.yaml': tiers })
  t.match(await policy('test', dir), { code: 0, stdout: '2 run, 0 failed\n' })
  const broken = tiers.replace('reject:', 'accept:')
  writeFileSync(join(dir, '10-tiers.yaml'), broken)
  const failed = await policy('test', dir)
  t.equal(failed.code, 3)
  t.equal(failed.stdout, '2 run, 1 failed\n')
  t.match(failed.stderr, /10-tiers\.yaml:11: web1:1 -> db:22: expected reject by rule no-ssh, but/)
  t.notMatch(failed.stderr, /no tags/)
  const { stdout } = await policy('test', dir, '-o', 'json')
  t.match(JSON.parse(stdout), { run: 2, failed: 1, results: [{ ok: true }, { ok: false }] })
})

await t.test('a failing test says which domains have no tags here', async t => {
  const text = [
    'rules: [{ accept: tag:web:* -> tag:db:22 }]',
    'tests:',
    '  - { from: web7:1, to: db7:22, expect: accept }',
    '  - { from: web7:1, to: db8:22, expect: accept }',
  ]
  const dir = t.testdir({
    'a.yaml': text.join('\n'),
    'b.yaml': 'tags: { db: [db8] }',
    'domains.json': '[{ "name": "web7", "tags": ["web"] }, { "name": "db7", "tags": ["db"] }]',
  })
  const failed = await policy('test', dir)
  t.match(failed, { code: 3, stdout: '2 run, 2 failed\n' })
  t.match(
    failed.stderr,
    /^no tags are known here of web7, db7: name them under "tags" in the files,/m,
  )
  const known = await policy('test', dir, '--domains', join(dir, 'domains.json'))
  t.match(known, { code: 0, stdout: '2 run, 0 failed\n', stderr: '' })
})

await t.test('files are written in the one form, and only those that are not', async t => {
  const dir = t.testdir({ 'a.yaml': '# why\nrules:\n- { id: a,  drop: "0:1 -> b:*" }\n' })
  const path = join(dir, 'a.yaml')
  t.match(await policy('fmt', '--check', dir), { code: 3, stdout: `${path}\n` })
  t.match(await policy('fmt', dir), { code: 0, stdout: `${path}\n` })
  const text = '# why\nrules:\n  - id: a\n    drop: control:1 -> b:*\n'
  t.equal(readFileSync(path, 'utf8'), text)
  t.match(await policy('fmt', '--check', dir), { code: 0, stdout: '' })
  writeFileSync(path, 'rules: 5')
  t.match(await policy('fmt', dir), { code: 3, stderr: /a\.yaml:1:8: rules is a list/ })
  t.equal(readFileSync(path, 'utf8'), 'rules: 5')
})

await t.test('a policy in files is asked about without a daemon', async t => {
  const domains = JSON.stringify({ domains: [{ name: 'web9', tags: ['web'] }] })
  const dir = t.testdir({ 'p.yaml': tiers, 'domains.json': domains })
  const path = join(dir, 'p.yaml')
  const known = ['--domains', join(dir, 'domains.json')]
  const who = await policy('who-can', 'db:22-23', path, ...known)
  t.match(who.stdout, /web9,web1:\* +db:23 +any +accept +web-to-db/)
  t.notMatch(who.stdout, /db:22/)
  t.match((await policy('what-can', 'db', path)).stdout, /db:\* +web1:\* +any +accept +web-to-db/)
  t.match((await policy('what-can', 'tag:web:7', path)).stdout, /tag:web:7 +db:0-21/)
  t.match(await policy('who-can', '@s', path), { code: 2 })
  t.match(await policy('who-can', '*', path), { code: 2, stderr: /\* is no domain; name one/ })
  const explain = await policy('explain', 'web9:1', 'db:22', '--file', path, ...known)
  t.match(explain.stdout, /verdict +reject\n.*\nrule +no-ssh \(1, .*p\.yaml:4\)/)
  t.match(explain.stdout, /never asked +web-to-db \(2, .*p\.yaml:6\)/)
  writeFileSync(path, tiers.replace('replies: true', 'max_bytes: 1024'))
  const sized = (size: string): Promise<Ran> =>
    policy('explain', 'web9:1', 'db:1', '--file', path, ...known, '--size', size)
  t.match((await sized('1KiB')).stdout, /^verdict +accept\n/)
  t.match((await sized('1025')).stdout, /^verdict +accept, but 1025 bytes get EMSGSIZE\n/)
  t.match(await sized('16MiB'), { code: 2, stderr: /a datagram has at most 16777120 bytes/ })
})

await t.test('a graph is drawn in every form', async t => {
  const path = join(t.testdir({ 'p.yaml': tiers }), 'p.yaml')
  t.match((await policy('graph', path)).stdout, /FROM +TO +TYPE +ACTION +RULE/)
  t.match((await policy('graph', path, '--format', 'dot')).stdout, /^digraph policy \{/)
  t.match((await policy('graph', path, '--format', 'mermaid')).stdout, /^flowchart LR/)
  const { stdout } = await policy('graph', path, '--format', 'json')
  t.match(JSON.parse(stdout), { nodes: [{ id: 'n1' }, { id: 'n2' }], edges: [{}, {}] })
  const svg = (await policy('graph', path, '--format', 'svg')).stdout
  t.match(svg, /<svg [^]*>web1<[^]*web&#45;to&#45;db[^]*<\/svg>/)
})

await t.test('lint and diff of files say by their exit code what they found', async t => {
  const dir = t.testdir({
    'a.yaml': tiers,
    'b.yaml': tiers.replace('db:22', 'db:20-29').replace('web1]', 'web1, web2]'),
    'vain.yaml': `${tiers.split('tests')[0]}  - { id: vain, drop: "web1:1 -> db:1" }\n`,
    'wrong.yaml': 'rules: [{ accept: "a" }]',
    'domains.json': '[{}]',
  })
  const at = (name: string): string => join(dir, name)
  t.match(await policy('lint', at('a.yaml')), { code: 0, stderr: 'nothing found\n' })
  const found = await policy('lint', at('vain.yaml'))
  t.equal(found.code, 3)
  t.match(found.stdout, /warning +vain +.*vain\.yaml:9 +it never decides: rule web-to-db comes/)
  t.match(await policy('lint', at('a.yaml'), '--unused', '30d'), { code: 2, stderr: /no hits/ })
  t.match((await policy('lint', at('a.yaml'), '--comments', '-o', 'json')).stdout, /no-comment/)
  t.match(await policy('diff', at('a.yaml'), at('a.yaml')), { code: 0 })
  const diff = await policy('diff', at('a.yaml'), at('b.yaml'))
  t.equal(diff.code, 2)
  t.match(diff.stdout, /~ 1 no-ssh: reject \*:\* -> db:22 {2}=> {2}reject \*:\* -> db:20-29/)
  t.match(diff.stdout, /changed as well: tags\n/)
  t.match(diff.stdout, /- web1:\* -> db:20-21: accept \(web-to-db\) {2}=> {2}reject \(no-ssh\)/)
  t.match(JSON.parse((await policy('diff', at('a.yaml'), at('b.yaml'), '-o', 'json')).stdout), {
    rules: { added: 0, changed: 1 },
    decisions: { refused: 2 },
  })
  const wrong = await policy('lint', at('wrong.yaml'))
  t.match(wrong, { code: 3, stderr: /wrong\.yaml:1:20: "a" has no port[^]*1 thing is wrong/ })
  t.match(await policy('lint', at('none.yaml')), { code: 1, stderr: /there is no .*none\.yaml/ })
  const domains = ['--domains', at('domains.json')]
  t.match(await policy('lint', at('a.yaml'), ...domains), {
    code: 2,
    stderr: /not a list of domains/,
  })
  t.match(await policy('test', at('a.yaml'), '--domains', at('a.yaml')), { code: 1 })
})

await t.test('the schema is printed for editors', async t => {
  const { stdout } = await policy('schema')
  t.equal(stdout, readFileSync(join('policy', 'schema.json'), 'utf8'))
})
