import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError } from '../src/config.js'
import { firstStart, isFirstStart, packagedPolicyDir, readPolicyDir } from '../src/first-start.js'
import { decodePolicy, EMPTY_POLICY } from '../src/store/policy-body.js'
import { openStore, type Store } from '../src/store/store.js'

function storeIn(t: Test): Store {
  const store = openStore(join(t.testdir(), 'v4vd.sqlite'), {
    now: () => 1_800_000_000_000,
    randomBytes: count => randomBytes(count),
  })
  t.teardown(() => store.close())
  return store
}

await t.test('the policy that comes with the package lets only the demo through', t => {
  const { rules } = readPolicyDir(packagedPolicyDir)
  t.equal(rules.length, 1)
  t.match(rules[0], { action: 'accept', comment: /demo/ })
  t.end()
})

await t.test('the files of a folder are read in the order of their names', t => {
  const dir = t.testdir({
    '20-b.yaml': 'rules:\n  - { id: b, accept: "b:* -> b:*" }\n',
    '10-a.yml': 'rules:\n  - { id: a, reject: "a:* -> a:*" }\n',
    'notes.txt': 'not a policy',
    more: { '00-c.yaml': 'rules:\n  - { id: c, accept: "c:* -> c:*" }\n' },
  })
  t.same(
    readPolicyDir(dir).rules.map(rule => rule.id),
    ['a', 'b'],
  )
  t.match(readPolicyDir(dir).documents, [{ name: '10-a.yml' }, { name: '20-b.yaml' }])
  t.end()
})

await t.test('what is wrong with a folder is said with file and line', t => {
  const empty = t.testdir({ none: {}, bad: { 'a.yaml': 'rules:\n  - accept: nonsense\n' } })
  t.throws(() => readPolicyDir(join(empty, 'none')), { name: 'ConfigError', message: /no .yaml/ })
  t.throws(() => readPolicyDir(join(empty, 'absent')), ConfigError)
  t.throws(() => readPolicyDir(join(empty, 'bad')), { message: /a\.yaml:2:\d+: / })
  t.end()
})

await t.test('the first start makes the rules and the token, and writes down what it did', t => {
  const store = storeIn(t)
  t.equal(isFirstStart(store), true)
  const policy = readPolicyDir(packagedPolicyDir)
  const kept: string[] = []
  firstStart(store, policy, 'policy', token => kept.push(token))
  t.equal(isFirstStart(store), false)
  const first = store.policies.get(1)
  t.same(decodePolicy(first!.format, first!.body), policy)
  t.equal(kept.length, 1)
  t.match(store.tokens.authenticateAdmin(kept[0]!), { ok: true, role: 'root' })
  t.match(store.audit.list(10)[0], { actor: 'first start', action: 'policy.replace' })
  t.end()
})

await t.test('a token that can not be kept leaves everything as it was', t => {
  const store = storeIn(t)
  const keep = (): never => {
    throw new Error('the disk is full')
  }
  t.throws(() => firstStart(store, EMPTY_POLICY, 'policy', keep), { message: 'the disk is full' })
  t.equal(store.policies.currentRevision(), 0)
  const kept: string[] = []
  firstStart(store, EMPTY_POLICY, 'policy', token => kept.push(token))
  t.ok(store.tokens.authenticateAdmin(kept[0]!).ok, 'and the next start is the first')
  t.end()
})
