import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadNative, type Native } from '../../src/native/native.js'
import { peerProcess } from '../../src/native/peer.js'
import { until } from '../fixtures/daemon.js'
import { stateDir } from '../fixtures/state-dir.js'

const native = await loadNative()
const skip = native === undefined ? 'the package koffi can not be loaded here' : false

/** Listens at a path, and has somebody connect to it. @returns the accepted socket. */
async function accepted(t: Test, dial: (path: string) => void): Promise<Socket> {
  const path = join(stateDir(t), 's')
  const server = createServer({ pauseOnConnect: true }).listen(path)
  await once(server, 'listening')
  const connection = once(server, 'connection')
  dial(path)
  const [socket] = (await connection) as [Socket]
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  return socket
}

await t.test('a process is known by its number, its user and its name', { skip }, async t => {
  const script = `
    process.title = 'v4v peer'
    require('node:net').connect(process.argv[1]).on('close', () => process.exit())`
  let pid: number | undefined
  const socket = await accepted(t, path => {
    const child = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' })
    pid = child.pid
  })
  await until(
    () => readFileSync(`/proc/${pid}/comm`, 'utf8'),
    comm => comm === 'v4v peer\n',
  )
  t.match(peerProcess(socket, native), { pid, uid: process.getuid!(), comm: 'v4v peer' })
})

await t.test('a process that is gone has no name any more', { skip }, async t => {
  const socket = await accepted(t, path => void connect(path).unref())
  const gone: Native = { ...native!, peerOf: () => ({ pid: 2 ** 30, uid: 0 }) }
  t.same(peerProcess(socket, gone), { pid: 2 ** 30, uid: 0, comm: undefined })
})

await t.test('where nobody says who it is nothing is known', { skip }, async t => {
  const socket = await accepted(t, path => void connect(path).unref())
  t.equal(peerProcess(socket, undefined), undefined)
  t.equal(peerProcess(new Socket(), native), undefined, 'it is not open')
  t.equal(native!.peerOf(-1), undefined, 'that is no descriptor')
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dialled = connect((server.address() as { port: number }).port)
  const [byNetwork] = (await once(server, 'connection')) as [Socket]
  t.equal(peerProcess(byNetwork, native), undefined, 'it is of the network')
  byNetwork.destroy()
  dialled.destroy()
  server.close()
})
