import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeClosing } from '../../src/abi/control-frame.js'
import { errnoOf } from '../../src/abi/errno.js'
import type { Shared } from '../../src/abi/share-frame.js'
import {
  NONCE_WORDS,
  SHARED_CHUNKS,
  sharedLayout,
  sharedMemory,
  writeNonce,
} from '../../src/abi/shared-memory.js'
import { loadNative, type Native } from '../../src/native/native.js'
import { connect, type Domain } from '../../src/sdk/index.js'
import { stateDir } from '../fixtures/state-dir.js'
import type { ScriptedPeer } from './fixtures/scripted-peer.js'
import { scriptedServer } from './fixtures/scripted-server.js'

const layout = sharedLayout(SHARED_CHUNKS, 4096)
const nonce = Array.from({ length: NONCE_WORDS }, (_, i) => 0xdeadbee0 + i)

/** Memory of this process, as a daemon offers it; it goes with the test. */
function offerOf(
  t: { teardown(work: () => void): void },
  native: Native,
  bytes = layout.bytes,
): Omit<Shared, 'requestId'> {
  const fd = native.memfdCreate('v4v-test', bytes)
  t.teardown(() => native.close(fd))
  const { bytes: memory } = native.map(fd, bytes)
  writeNonce(sharedMemory(memory), nonce)
  const { chunks } = layout
  return { errno: 0, pid: process.pid, fd, segmentBytes: layout.bytes, chunks, nonce }
}

const native = await loadNative()
if (native === undefined) {
  t.pass('there is no native code here')
  process.exit(0)
}

/** Sends a message and sees that it arrives over the socket. */
async function works(domain: Domain): Promise<void> {
  const ring = await domain.bind(9)
  await ring.send('web:80', new Uint8Array(100))
}

function answering(peer: ScriptedPeer): void {
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
}

await t.test('an offer that can not be taken leaves the session on its socket', async t => {
  const file = openSync(join(stateDir(t), 'file'), 'w+')
  t.teardown(() => closeSync(file))
  const good = offerOf(t, native)
  const offers: Record<string, Partial<Shared>> = {
    'no layout': { ...good, segmentBytes: layout.bytes + 16 },
    'no chunks': { ...good, chunks: 0 },
    'another file': { ...good, fd: file },
    'no process': { ...good, pid: 0x7fffffff },
    'other memory': { ...good, nonce: nonce.map(word => word + 1) },
    'less memory': offerOf(t, native, layout.bytes - 4096),
  }
  for (const [name, offer] of Object.entries(offers)) {
    let peer: ScriptedPeer | undefined
    const url = await scriptedServer(t, made => {
      peer = made
      made.shares = offer
      answering(made)
    })
    const domain = await connect({ url, token: 'x' })
    t.equal(domain.transport, 'unix', name)
    await works(domain)
    t.same(peer?.mapped, [false])
    await domain.close()
    const required = connect({ url, token: 'x', sharedMemory: 'require' })
    await t.rejects(required, { code: 'EOPNOTSUPP' }, name)
  }
})

await t.test('a daemon that shares nothing is not asked twice', async t => {
  let peer: ScriptedPeer | undefined
  const url = await scriptedServer(t, made => {
    peer = made
    answering(made)
  })
  const domain = await connect({ url, token: 'x' })
  await works(domain)
  t.same(peer?.mapped, [])
  await domain.close()
  const required = connect({ url, token: 'x', sharedMemory: 'require' })
  await t.rejects(required, { code: 'EOPNOTSUPP', message: /the daemon shares no memory/ })
  const ws = connect({ url: 'ws://127.0.0.1:1', token: 'x', sharedMemory: 'require' })
  await t.rejects(ws, { code: 'EOPNOTSUPP', message: /unix: url/ })
})

await t.test('a daemon that does not know the question is connected to again', async t => {
  let sessions = 0
  const url = await scriptedServer(t, peer => {
    answering(peer)
    sessions++
    peer.onShare = () => {
      peer.send(encodeClosing({ errno: errnoOf('EPROTO'), reason: 'frame type 9' }))
      peer.close()
    }
  })
  const domain = await connect({ url, token: 'x' })
  await works(domain)
  t.equal(sessions, 2)
  await domain.close()
  const required = connect({ url, token: 'x', sharedMemory: 'require' })
  await t.rejects(required, { code: 'EOPNOTSUPP', message: /frame type 9/ })
})

await t.test('what the daemon said over the socket last is heard after the change', async t => {
  const offer = offerOf(t, native)
  const url = await scriptedServer(t, peer => {
    peer.shares = offer
    peer.onMapped = () => peer.send(encodeClosing({ errno: errnoOf('EKEYREVOKED'), reason: 'now' }))
  })
  const domain = await connect({ url, token: 'x', sharedMemory: 'require', polling: 0 })
  t.equal(domain.transport, 'shared-memory')
  t.match(await domain.closed, { code: 'ECONNRESET', cause: { code: 'EKEYREVOKED' } })
})

await t.test('a setting that is none is refused', async t => {
  for (const polling of [-1, 1_000_001, NaN]) {
    await t.rejects(connect({ url: 'unix:/nowhere', polling }), { code: 'EINVAL' })
  }
})
