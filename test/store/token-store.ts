import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { TokenIssued } from '../../src/store/token-store.js'
import { openStore, type Store } from '../../src/store/store.js'
import { openTestStore } from './fixtures/open-test-store.js'

function issued(result: TokenIssued | { ok: false; message: string }): TokenIssued {
  if (!result.ok) throw new Error(result.message)
  return result
}

/** A store with the domain web. */
function openWithWeb(t: Test, limits = {}) {
  const opened = openTestStore(t, limits)
  opened.store.domains.add('web', ['app'])
  return opened
}

function tokensOf(store: Store, domain: string) {
  const listed = store.tokens.list(domain)
  if (!listed.ok) throw new Error(listed.message)
  return listed.tokens
}

await t.test('a token stands for its domain', async t => {
  const { store, clock } = openWithWeb(t)
  const expiresAt = clock.time + 1000
  const { text, token } = issued(store.tokens.issue('web', { label: 'laptop', expiresAt }))
  t.match(text, /^v4v_1_[A-Za-z0-9_-]{43}$/)
  const state = { createdAt: clock.time, expiresAt, revokedAt: undefined, lastUsedAt: undefined }
  t.same(token, { kind: 'domain', id: 1, domain: 'web', label: 'laptop', ...state })
  t.same(store.tokens.authenticate(text), {
    ok: true,
    domain: store.domains.get('web'),
    tokenId: 1,
    expiresAt,
  })
  t.same(store.tokens.get(1), token)
  t.same(tokensOf(store, 'web'), [token])
})

await t.test('an admin token stands for its role and for no domain', async t => {
  const { store } = openWithWeb(t)
  const admin = issued(store.tokens.issueAdmin('root', { label: 'first start' }))
  const domain = issued(store.tokens.issue('web'))
  t.match(admin.text, /^v4vadmin_1_[A-Za-z0-9_-]{43}$/)
  t.same(store.tokens.authenticateAdmin(admin.text), {
    ok: true,
    role: 'root',
    tokenId: 1,
    expiresAt: undefined,
  })
  t.match(store.tokens.listAdmin(), [{ kind: 'admin', id: 1, role: 'root', label: 'first start' }])
  t.equal(store.tokens.listAdmin().length, 1)
  t.equal(tokensOf(store, 'web').length, 1)
  const swapped = [
    store.tokens.authenticate(admin.text),
    store.tokens.authenticateAdmin(domain.text),
    store.tokens.authenticate(admin.text.replace('v4vadmin', 'v4v')),
    store.tokens.authenticateAdmin(domain.text.replace('v4v', 'v4vadmin')),
  ]
  for (const result of swapped) t.match(result, { ok: false, code: 'EACCES' })
})

await t.test('whatever is not a token is refused alike', async t => {
  const { store } = openWithWeb(t)
  const { text } = issued(store.tokens.issue('web'))
  const other = issued(store.tokens.issue('web')).text
  const last = text.endsWith('A') ? 'E' : 'A'
  const wrong = [
    '',
    'v4v',
    'v4v_1_',
    'hello',
    ` ${text}`,
    `${text}\n`,
    `${text}=`,
    text.slice(0, -1),
    text.slice(0, -1) + last,
    text.replace('v4v_1_', 'v4v_01_'),
    text.replace('v4v_1_', 'v4v_2_'),
    text.replace('v4v_1_', 'v4v_3_'),
    text.replace('v4v_1_', 'v4v_999999999999999_'),
    text.replace('v4v_1_', 'v4v_-1_'),
    other.replace('v4v_2_', 'v4v_1_'),
    text.replace('v4v', 'V4V'),
  ]
  const refused = { ok: false, code: 'EACCES', message: 'the token is not valid' }
  for (const each of wrong) {
    const noDomain = { ...refused, reason: 'token-unknown' }
    t.same(store.tokens.authenticate(each), noDomain, JSON.stringify(each))
    t.same(store.tokens.authenticateAdmin(each), refused, JSON.stringify(each))
  }
  t.match(store.tokens.authenticate(text), { ok: true })
})

await t.test(
  'no text but the very one is accepted, though base64 could say it otherwise',
  async t => {
    const { store } = openWithWeb(t)
    const { text } = issued(store.tokens.issue('web'))
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const accepted = alphabet
      .split('')
      .map(char => text.slice(0, -1) + char)
      .filter(each => store.tokens.authenticate(each).ok)
    t.same(accepted, [text])
  },
)

await t.test('a token expires to the millisecond', async t => {
  const { store, clock } = openWithWeb(t)
  const expiresAt = clock.time + 1000
  const domain = issued(store.tokens.issue('web', { expiresAt })).text
  const admin = issued(store.tokens.issueAdmin('root', { expiresAt })).text
  clock.time = expiresAt - 1
  t.match(store.tokens.authenticate(domain), { ok: true })
  t.match(store.tokens.authenticateAdmin(admin), { ok: true })
  clock.time = expiresAt
  const refused = { ok: false, code: 'EKEYEXPIRED' }
  t.match(store.tokens.authenticate(domain), {
    ...refused,
    message: 'token 1 has expired',
    reason: 'token-expired',
    tokenId: 1,
    domain: { name: 'web' },
  })
  t.match(store.tokens.authenticateAdmin(admin), refused)
})

await t.test('an expiry that is not in the future is refused', async t => {
  const { store, clock } = openWithWeb(t)
  for (const expiresAt of [clock.time, 0, -1, clock.time + 0.5, NaN, Infinity]) {
    t.match(store.tokens.issue('web', { expiresAt }), { ok: false, code: 'EINVAL' })
    t.match(store.tokens.issueAdmin('root', { expiresAt }), { ok: false, code: 'EINVAL' })
  }
  t.same(tokensOf(store, 'web'), [])
})

await t.test('a revoked token is refused, and revoking again keeps the first time', async t => {
  const { store, clock } = openWithWeb(t)
  const expiresAt = clock.time + 10
  const domain = issued(store.tokens.issue('web', { expiresAt })).text
  const admin = issued(store.tokens.issueAdmin('root')).text
  const at = clock.time
  t.match(store.tokens.revoke(1), { ok: true, token: { domain: 'web', revokedAt: at } })
  t.match(store.tokens.revoke(2), { ok: true, token: { role: 'root', revokedAt: at } })
  clock.time += 1000
  t.match(store.tokens.revoke(1), { ok: true, token: { revokedAt: at } })
  const refused = { ok: false, code: 'EKEYREVOKED' }
  t.match(store.tokens.authenticate(domain), { ...refused, message: 'token 1 was revoked' })
  t.match(store.tokens.authenticateAdmin(admin), refused)
  t.same(store.tokens.revoke(3), { ok: false, code: 'ENOENT', message: 'there is no token 3' })
})

await t.test('only who has the secret learns that a token expired or was revoked', async t => {
  const { store } = openWithWeb(t)
  const { text } = issued(store.tokens.issue('web'))
  store.tokens.revoke(1)
  const guess = `v4v_1_${randomBytes(32).toString('base64url')}`
  t.match(store.tokens.authenticate(guess), { code: 'EACCES' })
  t.match(store.tokens.authenticate(text), { code: 'EKEYREVOKED', reason: 'token-revoked' })
})

await t.test('a domain that is not enabled can not authenticate', async t => {
  const { store } = openWithWeb(t)
  const { text } = issued(store.tokens.issue('web'))
  store.domains.patch('web', { enabled: false })
  t.match(store.tokens.authenticate(text), {
    ok: false,
    code: 'EACCES',
    message: 'the domain "web" is not enabled',
    reason: 'quarantine',
    tokenId: 1,
    domain: { name: 'web' },
  })
  store.domains.patch('web', { enabled: true })
  t.match(store.tokens.authenticate(text), { ok: true })
})

await t.test(
  'the tokens of a removed domain go with it, and their ids never come back',
  async t => {
    const { store } = openWithWeb(t)
    const { text } = issued(store.tokens.issue('web'))
    store.domains.remove('web')
    t.match(store.tokens.authenticate(text), { code: 'EACCES' })
    t.equal(store.tokens.get(1), undefined)
    store.domains.add('web')
    t.match(store.tokens.authenticate(text), { code: 'EACCES' })
    t.same(tokensOf(store, 'web'), [])
    t.equal(issued(store.tokens.issue('web')).token.id, 2)
  },
)

await t.test('unknown domains are refused', async t => {
  const { store } = openWithWeb(t)
  t.match(store.tokens.issue('db'), { ok: false, code: 'ENOENT' })
  t.match(store.tokens.list('db'), { ok: false, code: 'ENOENT' })
})

await t.test('at the limit the dead give way, never the living', async t => {
  const { store, clock } = openWithWeb(t, { tokensPerOwnerMax: 3 })
  store.domains.add('db')
  const living = issued(store.tokens.issue('web')).text
  store.tokens.issue('web', { expiresAt: clock.time + 1 })
  store.tokens.issue('web')
  t.same(store.tokens.issue('web'), {
    ok: false,
    code: 'ENOSPC',
    message: 'the domain has 3 valid tokens, which is the limit: revoke one',
  })
  t.match(store.tokens.issue('db'), { ok: true })
  clock.time += 1
  store.tokens.revoke(3)
  t.match(store.tokens.issue('web'), { ok: true, token: { id: 5 } })
  t.same(
    tokensOf(store, 'web').map(token => token.id),
    [1, 5],
  )
  t.match(store.tokens.authenticate(living), { ok: true })
  for (let i = 0; i < 3; i++) issued(store.tokens.issueAdmin('root'))
  t.match(store.tokens.issueAdmin('root'), {
    ok: false,
    code: 'ENOSPC',
    message: 'the admins have 3 valid tokens, which is the limit: revoke one',
  })
})

await t.test('those that end soon are listed, whoever has them, the soonest first', async t => {
  const { store, clock } = openWithWeb(t)
  const ends = (ms: number): { expiresAt: number } => ({ expiresAt: clock.time + ms })
  const ids = [
    issued(store.tokens.issue('web', ends(200))),
    issued(store.tokens.issueAdmin('viewer', ends(100))),
    issued(store.tokens.issue('web', ends(300))),
    issued(store.tokens.issue('web')),
    issued(store.tokens.issue('web', ends(150))),
  ].map(({ token }) => token.id)
  store.tokens.revoke(ids[4]!)
  const ending = (ms: number, max = 10): number[] =>
    store.tokens.listEnding(ms, max).map(({ id }) => id)
  t.same(ending(99), [])
  t.same(ending(200), [ids[1], ids[0]])
  t.same(ending(200, 1), [ids[1]])
  t.match(store.tokens.listEnding(100, 1), [{ kind: 'admin', role: 'viewer' }])
  clock.time += 100
  t.same(ending(1e18), [ids[0], ids[2]], 'one that has ended ends no more')
})

await t.test('when tokens were last used is noted in one batch and never goes back', async t => {
  const { store } = openWithWeb(t)
  issued(store.tokens.issue('web'))
  issued(store.tokens.issueAdmin('root'))
  store.tokens.touch(
    new Map([
      [1, 500],
      [2, 600],
      [77, 700],
    ]),
  )
  store.tokens.touch([[1, 400]])
  t.equal(store.tokens.get(1)?.lastUsedAt, 500)
  t.equal(store.tokens.get(2)?.lastUsedAt, 600)
  t.equal(store.tokens.get(77), undefined)
})

await t.test('no secret is on the disk, neither as text nor as bytes', async t => {
  const { store, path } = openWithWeb(t)
  const texts = [
    ...Array.from({ length: 20 }, () => issued(store.tokens.issue('web')).text),
    issued(store.tokens.issueAdmin('root')).text,
  ]
  for (const text of texts) {
    store.tokens.authenticate(text)
    store.tokens.authenticateAdmin(text)
  }
  store.tokens.revoke(3)
  store.tokens.touch([[1, 1]])
  const look = (): void => {
    const files = readdirSync(dirname(path)).map(name => readFileSync(join(dirname(path), name)))
    const stored = Buffer.concat(files)
    t.ok(stored.includes('CREATE TABLE tokens'))
    const found = texts.filter(text => {
      const secret = text.slice(-43)
      return stored.includes(secret) || stored.includes(Buffer.from(secret, 'base64url'))
    })
    t.same(found, [])
  }
  look()
  store.close()
  look()
})

await t.test('a source of random bytes that gives too few is a bug', async t => {
  const { store, path } = openWithWeb(t)
  store.close()
  const poor = openStore(path, { now: () => 0, randomBytes: () => new Uint8Array(31) })
  t.teardown(() => poor.close())
  t.throws(() => poor.tokens.issue('web'), { name: 'AssertionError' })
  t.same(tokensOf(poor, 'web'), [])
})

await t.test('only a valid token with the role root counts as one', async t => {
  const { store, clock } = openTestStore(t)
  t.equal(store.tokens.hasRoot(), false)
  store.tokens.issueAdmin('policy-admin')
  const short = store.tokens.issueAdmin('root', { expiresAt: clock.now() + 1_000 })
  t.equal(store.tokens.hasRoot(), true)
  clock.time += 1_000
  t.equal(store.tokens.hasRoot(), false)
  const long = store.tokens.issueAdmin('root')
  t.equal(store.tokens.hasRoot(), true)
  store.tokens.revoke(long.ok ? long.token.id : 0)
  t.equal(store.tokens.hasRoot(), false)
  t.ok(short.ok)
})
