import { Socket } from 'node:net'
import t from 'tap'
import { noteUser, originOf } from '../../src/control/origin.js'

void t.test('a request comes from an address, or from a user of this machine if known', t => {
  const socket = new Socket()
  t.equal(originOf(socket), 'control.sock')
  noteUser(socket, 1000)
  t.equal(originOf(socket), 'uid 1000')
  const remote = Object.defineProperty(new Socket(), 'remoteAddress', { value: '10.0.0.1' })
  t.equal(originOf(remote), '10.0.0.1')
  t.end()
})
