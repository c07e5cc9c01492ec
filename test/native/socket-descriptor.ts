import { createServer } from 'node:net'
import { once } from 'node:events'
import { connect, Socket, type AddressInfo } from 'node:net'
import t from 'tap'
import { descriptorOf } from '../../src/native/socket-descriptor.js'

await t.test('a socket has a descriptor while it is open', async t => {
  t.equal(descriptorOf(new Socket()), undefined)
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  t.type(descriptorOf(socket), 'number')
  socket.destroy()
  await once(socket, 'close')
  t.equal(descriptorOf(socket), undefined)
})
