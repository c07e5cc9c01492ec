import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, type Domain, type Ring } from '../../src/sdk/index.js'
import { startDaemon } from '../fixtures/daemon.js'

// 200,000 datagrams of two senders through a small ring that is read slowly: all arrive, once, in
// the order of their sender; and what else the senders send is not held up by it.

const PER_SENDER = 100_000

t.setTimeout(230_000)
const daemon = await startDaemon(t)
await daemon.addDomains('slow', 'quick', 'one', 'two')
await daemon.admin.addRule('accept', '*:*', '*:*')

/** Numbered datagrams of 8 to 71 bytes. */
function datagram(number: number): Uint8Array {
  const bytes = new Uint8Array(8 + (number % 64)).fill(number)
  new DataView(bytes.buffer).setUint32(0, number, true)
  return bytes
}

function isDatagram(bytes: Uint8Array, number: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length !== 8 + (number % 64) || view.getUint32(0, true) !== number) return false
  return bytes.subarray(4).every(byte => byte === (number & 0xff))
}

/** Sends as many as it can at once and then waits, now with trySend and now with send. */
async function sendAll(ring: Ring, to: string): Promise<void> {
  ring.on('refused', error => {
    throw error
  })
  for (let number = 0; number < PER_SENDER;) {
    if (number % 1000 < 900) {
      if (ring.trySend(to, datagram(number))) number++
      else await once(ring, 'drain')
      continue
    }
    const sends: Promise<void>[] = []
    while (number % 1000 >= 900) sends.push(ring.send(to, datagram(number++)))
    await Promise.all(sends)
  }
}

for (const way of ['unix', 'ws'] as const) {
  await t.test(`over ${way}, nothing is lost, doubled or out of order`, async t => {
    const [slow, quick, one, two] = (await Promise.all(
      ['slow', 'quick', 'one', 'two'].map(name => connect(daemon.as(name, way))),
    )) as [Domain, Domain, Domain, Domain]
    const ring = await slow.bind(514, { size: 8192 })
    const next = new Map([
      ['one', 0],
      ['two', 0],
    ])
    let problem: string | undefined
    const reading = (async () => {
      let batches = 0
      for await (const batch of ring.batches()) {
        for (let i = 0; i < batch.length; i++) {
          const source = batch.source(i)
          const number = next.get(source)!
          if (!isDatagram(batch.data(i), number)) problem ??= `${source} ${number}`
          next.set(source, number + 1)
        }
        if (++batches % 500 === 0) await sleep(5)
      }
    })()

    const beside = await quick.bind(9)
    const answering = (async () => {
      for await (const asked of beside) await asked.reply(asked.data)
    })()
    const rings = [await one.bind(1), await two.bind(1)]
    let isDone = false
    const sending = Promise.all(rings.map(from => sendAll(from, 'slow:514'))).then(
      () => (isDone = true),
    )
    // From a session whose ring is full most of the time, to another that is not.
    let answers = 0
    while (!isDone) {
      await one.request('quick:9', Uint8Array.of(answers & 0xff), { timeoutMs: 60_000 })
      answers++
    }
    await sending
    for (const from of rings) await from.close()
    t.ok(answers > 100, `${answers} requests were answered meanwhile`)
    while ([...next.values()].some(count => count < PER_SENDER) && problem === undefined) {
      await sleep(5)
    }
    await sleep(20)
    t.equal(problem, undefined)
    t.same([...next.values()], [PER_SENDER, PER_SENDER])
    const { totals } = await daemon.admin.stats()
    t.ok(totals.datagramsRefused > 0, 'the ring was full at times')
    await Promise.all([slow, quick, one, two].map(domain => domain.close()))
    await Promise.all([reading, answering])
  })
}

await t.test('a destination that takes nothing does not hold up another', async t => {
  const [slow, quick, one] = (await Promise.all(
    ['slow', 'quick', 'one'].map(name => connect(daemon.as(name))),
  )) as [Domain, Domain, Domain]
  await slow.bind(514, { size: 1024 })
  const ring = await quick.bind(9, { size: '64KiB' })
  const from = await one.bind(1)
  const stuck = Array.from({ length: 5000 }, (_, i) =>
    from.send('slow:514', datagram(i)).then(
      () => 1,
      () => 0,
    ),
  )
  const received = (async () => {
    let count = 0
    for await (const { data } of ring) {
      if (!isDatagram(data, count)) return -1
      if (++count === 20_000) break
    }
    return count
  })()
  for (let number = 0; number < 20_000;) {
    if (from.trySend('quick:9', datagram(number))) number++
    else await once(from, 'drain')
  }
  t.equal(await received, 20_000)
  await one.close({ timeoutMs: 10 })
  const arrived = (await Promise.all(stuck)).reduce((sum, count) => sum + count, 0)
  t.ok(arrived > 0 && arrived < 30, `${arrived} went into the ring that nobody reads`)
  await Promise.all([slow.close(), quick.close()])
})
