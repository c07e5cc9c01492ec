import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AdminTokenFile } from '../../src/control/admin-token-file.js'

function tokenText(id: number): string {
  return `v4vadmin_${id}_${'s'.repeat(43)}`
}

await t.test('it says which token is in it, if one is', async t => {
  const dir = t.testdir({ good: `${tokenText(7)}\n`, other: `v4v_7_${'s'.repeat(43)}`, empty: '' })
  const idOf = (name: string): number | undefined => new AdminTokenFile(join(dir, name)).tokenId()
  t.same(['good', 'other', 'empty', 'missing'].map(idOf), [7, undefined, undefined, undefined])
})

await t.test('a token takes the place of another, for its owner only, in order', async t => {
  const dir = t.testdir({ 'admin.token': `${tokenText(1)}\n`, 'admin.token.new': 'left over' })
  const path = join(dir, 'admin.token')
  chmodSync(path, 0o644)
  const file = new AdminTokenFile(path)
  await Promise.all([2, 3, 4].map(id => file.replace(tokenText(id))))
  t.equal(readFileSync(path, 'utf8'), `${tokenText(4)}\n`)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.same(readdirSync(dir), ['admin.token'])
})

await t.test('where it can not be written it stays as it was, and the next try may do', async t => {
  const dir = t.testdir({ 'admin.token': `${tokenText(1)}\n` })
  const path = join(dir, 'admin.token')
  const file = new AdminTokenFile(path)
  mkdirSync(`${path}.new`)
  writeFileSync(join(`${path}.new`, 'x'), '')
  await t.rejects(file.replace(tokenText(2)))
  t.equal(file.tokenId(), 1)
  const elsewhere = new AdminTokenFile(join(dir, 'missing', 'admin.token'))
  await t.rejects(elsewhere.replace(tokenText(2)), { code: 'ENOENT' })
  mkdirSync(join(dir, 'missing'))
  await elsewhere.replace(tokenText(2))
  t.equal(elsewhere.tokenId(), 2)
})
