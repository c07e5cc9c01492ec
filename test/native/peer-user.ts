import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadNative } from '../../src/native/native.js'
import { peerUser } from '../../src/native/peer-user.js'
import { stateDir } from '../fixtures/state-dir.js'

const native = await loadNative()
const skip = native === undefined ? 'the package koffi can not be loaded here' : false

/** The daemon's end of a connection to what is listened at. */
async function accepted(t: Test, at: string | number): Promise<Socket> {
  const server = createServer().listen(at)
  t.teardown(() => server.close())
  await once(server, 'listening')
  const address = server.address() as AddressInfo | string
  const taken = once(server, 'connection') as Promise<[Socket]>
  const client = typeof address === 'string' ? connect(address) : connect(address.port, 'localhost')
  t.teardown(() => client.destroy())
  const [socket] = await taken
  return socket
}

await t.test('the kernel says whose a connection to a Unix socket is', { skip }, async t => {
  const socket = await accepted(t, join(stateDir(t), 'a.sock'))
  t.equal(peerUser(socket, native), process.getuid?.())
  t.equal(peerUser(socket, undefined), undefined)
  socket.destroy()
  t.equal(peerUser(socket, native), undefined)
})

await t.test('of a connection over the network nobody is known', { skip }, async t => {
  t.equal(peerUser(await accepted(t, 0), native), undefined)
})
