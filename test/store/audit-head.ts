import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatHead, HeadFile, parseHead } from '../../src/store/audit-head.js'

const hash = '0123456789abcdef'.repeat(4)

void t.test('a head is one word, and nothing else is a head', t => {
  t.equal(formatHead({ seq: 52, hash }), `52:${hash}`)
  t.same(parseHead(`52:${hash}`), { seq: 52, hash })
  for (const text of [
    '',
    '52',
    `:${hash}`,
    `-1:${hash}`,
    `52:${hash}0`,
    `52:${hash} `,
    `x52:${hash}`,
  ]) {
    t.equal(parseHead(text), undefined, text)
  }
  t.end()
})

void t.test('the file has the newest head, and no older one comes after it', async t => {
  const path = join(t.testdir(), 'audit.head')
  const file = new HeadFile(path)
  t.equal(file.read(), undefined)
  file.writeNow({ seq: 99, hash })
  t.same(file.read(), { seq: 99, hash })
  t.equal(statSync(path).mode & 0o777, 0o600)
  const { size } = statSync(path)
  await file.write({ seq: 1_000_000, hash })
  await file.write({ seq: 7, hash })
  t.same(file.read(), { seq: 1_000_000, hash })
  t.equal(statSync(path).size, size)
  rmSync(path)
  await file.write({ seq: 1_000_001, hash })
  t.match(readFileSync(path, 'utf8'), new RegExp(`^ +1000001:${hash}\n$`))
  file.writeNow({ seq: 3, hash })
  t.same(file.read(), { seq: 3, hash })
})

void t.test('what can not be understood is no head; what can not be written is said', async t => {
  const dir = t.testdir({ 'audit.head': 'nothing of ours' })
  const path = join(dir, 'audit.head')
  const file = new HeadFile(path)
  t.equal(file.read(), undefined)
  writeFileSync(path, '')
  t.equal(file.read(), undefined)
  const folder = new HeadFile(dir)
  t.equal(folder.read(), undefined)
  const refused = { failure: 'not-writable', message: /can't be opened for writing/ }
  t.throws(() => folder.writeNow({ seq: 1, hash }), refused)
  await t.rejects(folder.write({ seq: 1, hash }), refused)
  await t.rejects(folder.write({ seq: 1, hash }), refused, 'it is tried again')
})
