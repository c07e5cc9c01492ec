import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { listenAtPath, SocketPathError } from '../../src/transport/socket-path.js'
import { stateDir } from '../fixtures/state-dir.js'

await t.test('the file has the mode that was asked for, and goes with its server', async t => {
  const path = join(stateDir(t), 'mode.sock')
  const server = createServer()
  await listenAtPath(server, path, 0o600)
  t.equal(statSync(path).mode & 0o777, 0o600)
  server.close()
  t.notOk(existsSync(path))
})

await t.test('a socket that another server left is replaced', async t => {
  const path = join(stateDir(t), 'v4v.sock')
  const old = createServer().listen(path)
  await once(old, 'listening')
  const inode = statSync(path).ino
  const server = createServer()
  await listenAtPath(server, path, 0o600)
  t.not(statSync(path).ino, inode)
  server.close()
  old.close()
})

await t.test('another file in the way stays, and is an error', async t => {
  const path = join(stateDir(t), 'precious')
  writeFileSync(path, 'data')
  await t.rejects(listenAtPath(createServer(), path, 0o600), SocketPathError)
  t.equal(statSync(path).size, 4)
})

await t.test('a path that the system can not bind is refused with its length', async t => {
  const dir = stateDir(t)
  await t.rejects(listenAtPath(createServer(), join(dir, 'x'.repeat(107)), 0o600), {
    message: /longer than the 107 bytes/,
  })
  const server = createServer()
  await listenAtPath(server, join(dir, 'x'.repeat(107 - dir.length - 1)), 0o600)
  server.close()
})
