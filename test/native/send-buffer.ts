import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadNative, type Native } from '../../src/native/native.js'
import { widenSendBuffer } from '../../src/native/send-buffer.js'
import { stateDir } from '../fixtures/state-dir.js'

const native = await loadNative()
const skip = native === undefined ? 'the package koffi can not be loaded here' : false

/** More than a Unix socket holds unless told, and less than any system lets it. */
const BYTES = 320 * 1024

/** Writes to a peer that does not read. @returns how many bytes the system did not take. */
async function bytesLeft(t: Test, native: Native | undefined): Promise<number> {
  const path = join(stateDir(t), 's')
  const server = createServer({ pauseOnConnect: true }).listen(path)
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const socket = connect(path)
  await once(socket, 'connect')
  const [peer] = (await accepted) as [Socket]
  t.teardown(() => {
    socket.destroy()
    peer.destroy()
    server.close()
  })
  widenSendBuffer(socket, native)
  socket.write(new Uint8Array(BYTES))
  return socket.writableLength
}

await t.test('a socket that was widened takes more at once', { skip }, async t => {
  t.ok((await bytesLeft(t, undefined)) > 0, 'without it some is left')
  t.equal(await bytesLeft(t, native), 0)
})

await t.test('what is no open socket is left alone', { skip }, async t => {
  const socket = new Socket()
  t.doesNotThrow(() => widenSendBuffer(socket, native))
  t.doesNotThrow(() => native!.setSendBuffer(-1, BYTES))
})
