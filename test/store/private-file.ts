import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createPrivateFile, makePrivate } from '../../src/store/private-file.js'
import { StoreError } from '../../src/store/store-error.js'

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

await t.test('a new file is empty and only its owner can read it', async t => {
  const path = join(t.testdir(), 'file')
  createPrivateFile(path)
  t.equal(modeOf(path), 0o600)
  t.equal(readFileSync(path).length, 0)
})

await t.test('a file that exists is left as it is', async t => {
  const path = join(t.testdir({ file: 'content' }), 'file')
  chmodSync(path, 0o640)
  createPrivateFile(path)
  t.equal(readFileSync(path, 'utf8'), 'content')
  t.equal(modeOf(path), 0o640)
})

await t.test('a file is taken from others, and one that is private keeps its mode', async t => {
  const path = join(t.testdir(), 'file')
  writeFileSync(path, '')
  chmodSync(path, 0o644)
  makePrivate(path)
  t.equal(modeOf(path), 0o600)
  chmodSync(path, 0o400)
  makePrivate(path)
  t.equal(modeOf(path), 0o400)
})

await t.test('a file that can not be made says where and what to do', async t => {
  const path = join(t.testdir(), 'missing', 'file')
  t.throws(() => createPrivateFile(path), StoreError)
  t.throws(() => makePrivate(path), {
    failure: 'not-writable',
    message: new RegExp(
      `^${path} can't be opened for writing .*: make sure that its folder exists`,
    ),
  })
  t.notOk(existsSync(path))
})
