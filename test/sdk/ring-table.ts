import t from 'tap'
import { encodeResult } from '../../src/abi/control-frame.js'
import { RING_DATA_IN_PLACE_BYTES, writeRingDataInPlace } from '../../src/abi/data-frame.js'
import { frameBytes, type FrameBytes } from '../../src/abi/frame.js'
import { encodeRingPlace } from '../../src/abi/share-frame.js'
import { connect, memoryPair, type Domain, type Transport } from '../../src/sdk/index.js'
import { ScriptedPeer, slotsOf } from './fixtures/scripted-peer.js'

const RING_BYTES = 256

/** A session that shares a little memory with its daemon, which places rings at its beginning. */
async function sharing(): Promise<{ domain: Domain; peer: ScriptedPeer; memory: FrameBytes }> {
  const [client, server] = memoryPair()
  const memory = frameBytes(new Uint8Array(4096))
  const peer = new ScriptedPeer(server)
  peer.registersRings = false
  const transport: Transport = Object.assign(client, {
    memory: (offset: number, bytes: number): FrameBytes | undefined =>
      offset + bytes > 4096 ? undefined : frameBytes(memory.bytes.subarray(offset, offset + bytes)),
  })
  return { domain: await connect({ memory: () => transport }), peer, memory }
}

function result(ringBytes: number): Uint8Array {
  return encodeResult({ requestId: 1, errno: 0, port: 9, ring: 3, ringBytes, detail: '' })
}

function inPlace(offset: number, bytes: number): Uint8Array {
  const frame = frameBytes(new Uint8Array(RING_DATA_IN_PLACE_BYTES))
  writeRingDataInPlace(frame.view, 0, 3, offset, bytes)
  return frame.bytes
}

await t.test('a ring that was placed is read where it lies', async t => {
  const { domain, peer, memory } = await sharing()
  const binding = domain.bind(9, { size: RING_BYTES })
  await peer.until(() => peer.registers.length === 1)
  peer.send(encodeRingPlace({ ring: 3, offset: 64, length: RING_BYTES }), result(RING_BYTES))
  const ring = await binding
  const slots = slotsOf([Buffer.from('one'), Buffer.from('two')])
  let offset = 0
  for (let round = 0; round < 20; round++) {
    for (const [i, byte] of slots.entries()) memory.bytes[64 + ((offset + i) % RING_BYTES)] = byte
    peer.send(inPlace(offset, slots.length))
    offset += slots.length
    for (const text of ['one', 'two']) {
      t.equal(Buffer.from((await ring.receive()).data).toString(), text)
    }
  }
  await peer.until(() => peer.consumed.at(-1)?.[1] === offset)
  const reading = ring.batches()
  const first = reading.next()
  memory.bytes.set(slotsOf([Buffer.from('x')]), 64 + (offset % RING_BYTES))
  peer.send(inPlace(offset, 32))
  const { value } = await first
  t.equal(value?.bytes.buffer, memory.bytes.buffer, 'a batch is a view of the ring itself')
  peer.send(inPlace(offset + 32, RING_BYTES))
  t.match(await domain.closed, { cause: { code: 'EPROTO', message: /overruns/ } })
})

await t.test('what a daemon says of places that can not be ends the session', async t => {
  const { domain, peer } = await sharing()
  const binding = domain.bind(9, { size: RING_BYTES })
  await peer.until(() => peer.registers.length === 1)
  peer.send(encodeRingPlace({ ring: 3, offset: 0, length: RING_BYTES }), result(2 * RING_BYTES))
  await t.rejects(binding, { cause: { code: 'EPROTO', message: /another length/ } })
  t.match(await domain.closed, { cause: { code: 'EPROTO' } })

  const other = await sharing()
  other.peer.send(encodeRingPlace({ ring: 1, offset: 4096, length: 48 }))
  t.match(await other.domain.closed, { cause: { code: 'EPROTO', message: /not shared/ } })
})
