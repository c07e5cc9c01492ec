import t from 'tap'
import { setImmediate as turn } from 'node:timers/promises'
import { FRAME } from '../../src/abi/frame.js'
import { startDaemon, until } from '../fixtures/daemon.js'
import { Malformed } from '../fixtures/malformed.js'
import { Prng, seedOf } from '../fixtures/prng.js'
import { RawUnixClient } from '../fixtures/raw-client.js'
import { SteadyFlow } from '../fixtures/steady-flow.js'

// 100,000 frames that no client should send. Each session that sends one it can't be forgiven ends
// with a reason, and nothing else does.

const SESSIONS = 4_000
const HARMLESS_PER_SESSION = 15
const IGNORED_PER_SESSION = 10
const AT_ONCE = 64

t.setTimeout(230_000)
const seed = seedOf()
t.comment(`V4V_SEED=${seed}`)
const daemon = await startDaemon(t, { sessionsPerDomainMax: 1000, ringsPerDomainMax: 1000 })
await daemon.addDomains('rogue', 'web', 'db')
await daemon.admin.addRule('accept', '*:*', '*:*')
const { hypervisor } = daemon.daemon
const peer = hypervisor.domainNamed('db')!.id

/** Calls `work` with each number below `count`, so many at a time. */
async function each(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

await t.test('only the session that sends what it must not ends, and is told why', async t => {
  const flow = await SteadyFlow.start(daemon, 'web', 'db')
  const random = new Prng(seed)
  let frames = 0
  const wrong: string[] = []
  await each(SESSIONS, async number => {
    const client = new RawUnixClient(daemon.domainSocket('rogue'))
    const malformed = new Malformed(random, peer, number + 1)
    const parts = malformed.hello()
    let seq = 0
    for (let i = 0; i < HARMLESS_PER_SESSION; i++) {
      const { bytes, messages } = malformed.harmless(seq)
      parts.push(bytes)
      seq += messages
    }
    parts.push(malformed.fatal(seq))
    for (let i = 0; i < IGNORED_PER_SESSION; i++) parts.push(malformed.fatal(seq))
    frames += parts.length - 2
    client.write(Buffer.concat(parts))
    const closing = await client.closed()
    if (closing?.errno !== 71 || closing.reason.length < 10) {
      wrong.push(`${number}: ${closing?.errno} ${closing?.reason}`)
    }
    const last = client.frames.at(-1)?.type
    if (last !== FRAME.CLOSING) wrong.push(`${number}: frame ${last} is the last`)
  })
  t.same(wrong.slice(0, 5), [])
  t.ok(frames >= 100_000, `${frames} frames`)
  await flow.end()
  t.equal(flow.problem, undefined)
  t.equal(flow.arrived, flow.sent)
  t.ok(flow.sent > 0, `${flow.sent} datagrams went on beside`)
})

await t.test('it makes no difference in how many pieces the bytes arrive', async t => {
  const flow = await SteadyFlow.start(daemon, 'web', 'db')
  const random = new Prng(seed + 1)
  const wrong: string[] = []
  await each(200, async number => {
    const client = new RawUnixClient(daemon.domainSocket('rogue'))
    const malformed = new Malformed(random, peer, number + 1)
    const { bytes, messages } = malformed.harmless(0)
    const parts = [...malformed.hello(), bytes, malformed.fatal(messages)]
    for (const byte of Buffer.concat(parts)) {
      if (client.isClosed) break
      client.write(Uint8Array.of(byte))
      await turn()
    }
    const closing = await client.closed()
    if (closing?.errno !== 71) wrong.push(`${number}: ${closing?.errno} ${closing?.reason}`)
  })
  t.same(wrong, [])
  await flow.end()
  t.equal(flow.problem, undefined)
})

await t.test('a frame that never becomes whole is given up with its connection', async t => {
  const flow = await SteadyFlow.start(daemon, 'web', 'db')
  const random = new Prng(seed + 2)
  const malformed = new Malformed(random, peer, 1)
  await each(500, async () => {
    const client = await RawUnixClient.attach(daemon.domainSocket('rogue'))
    const { bytes } = malformed.harmless(0)
    client.write(bytes.subarray(0, 1 + random.below(bytes.length - 1)))
    await turn()
    client.end()
  })
  await flow.end()
  t.equal(flow.problem, undefined)
})

await t.test('who does not begin with HELLO is told so', async t => {
  const random = new Prng(seed + 3)
  const wrong: string[] = []
  await each(500, async number => {
    const client = new RawUnixClient(
      number % 2 === 0 ? daemon.socketPath : daemon.domainSocket('rogue'),
    )
    client.write(Malformed.stranger(random))
    const closing = await client.closed()
    if (closing === undefined || ![71, 93].includes(closing.errno)) {
      wrong.push(`${number}: ${closing?.errno} ${closing?.reason}`)
    }
  })
  t.same(wrong, [])
})

await t.test('after all of that nothing is left of it', async t => {
  await until(
    () => [...hypervisor.sessions()].length,
    sessions => sessions === 0,
  )
  for (const domain of hypervisor.domains()) {
    t.equal(domain.rings.size, 0)
    t.equal(domain.ringBytes, 0)
    t.equal(domain.partnerRings.size, 0)
  }
})
