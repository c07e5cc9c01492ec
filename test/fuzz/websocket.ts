import t from 'tap'
import { encodePing } from '../../src/abi/control-frame.js'
import { FRAME } from '../../src/abi/frame.js'
import { startDaemon, until } from '../fixtures/daemon.js'
import { Malformed } from '../fixtures/malformed.js'
import { Prng, seedOf } from '../fixtures/prng.js'
import { RawWsClient } from '../fixtures/raw-client.js'
import { SteadyFlow } from '../fixtures/steady-flow.js'

// As over the Unix socket, with what only a WebSocket can do wrong on top.

const SESSIONS = 600
const HARMLESS_PER_SESSION = 20
const AT_ONCE = 16

t.setTimeout(230_000)
const seed = seedOf()
t.comment(`V4V_SEED=${seed}`)
const daemon = await startDaemon(t, { sessionsPerDomainMax: 1000, ringsPerDomainMax: 1000 })
await daemon.addDomains('rogue', 'web', 'db')
await daemon.admin.addRule('accept', '*:*', '*:*')
const { hypervisor } = daemon.daemon
const peer = hypervisor.domainNamed('db')!.id
const token = daemon.tokens.get('rogue')!
const ping = encodePing(FRAME.PING, 1, 2)

await t.test('only the session that sends what it must not ends, and is told why', async t => {
  const flow = await SteadyFlow.start(daemon, 'web', 'db')
  const random = new Prng(seed)
  const wrong: string[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < SESSIONS) {
      const number = next++
      const client = await RawWsClient.open(daemon.wsUrl)
      const malformed = new Malformed(random, peer, number + 1)
      const parts = malformed.hello(token)
      let seq = 0
      for (let i = 0; i < HARMLESS_PER_SESSION; i++) {
        const { bytes, messages } = malformed.harmless(seq)
        parts.push(bytes)
        seq += messages
      }
      client.write(Buffer.concat(parts))
      end(client, random, malformed, seq)
      await client.closed()
      const { code, reason } = client.close!
      const isTold = client.closing?.errno === 71 && client.closing.reason.startsWith(reason)
      // What the library finds wrong with a message has a code and no words.
      const isForm = reason === '' && [1002, 1007, 1008, 1009].includes(code)
      if (!(isTold && code === 1002) && !isForm) wrong.push(`${number}: ${code} ${reason}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  t.same(wrong.slice(0, 5), [])
  await flow.end()
  t.equal(flow.problem, undefined)
  t.equal(flow.arrived, flow.sent)
  t.ok(flow.sent > 0, `${flow.sent} datagrams went on beside`)
  await until(
    () => [...hypervisor.sessions()].length,
    sessions => sessions === 0,
  )
})

/** Sends something that ends the session. */
function end(client: RawWsClient, random: Prng, malformed: Malformed, seq: number): void {
  const { socket } = client
  switch (random.below(8)) {
    case 0:
      socket.send('text')
      break
    case 1:
      client.write(ping.subarray(0, 1 + random.below(15)))
      break
    case 2:
      client.write(Buffer.concat([ping, ping.subarray(0, 1 + random.below(15))]))
      break
    case 3: // bytes that are no WebSocket frame
      rawSocket(client).write(Buffer.from([0xf0 | random.below(16), random.below(256), 1, 2, 3, 4]))
      break
    case 4: // more fragments than are taken
      for (let i = 0; i < 12; i++) socket.send(ping.subarray(0, 1), { fin: false })
      break
    case 5: // a fragment of nothing
      rawSocket(client).write(Buffer.from([0x00, 0x80, 0, 0, 0, 0]))
      break
    case 6: // longer than any message: FIN and binary, 64 bits of length
      rawSocket(client).write(
        Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, random.below(256), 1, 2, 3, 4]),
      )
      break
    default:
      client.write(malformed.fatal(seq))
  }
}

/** The socket under a WebSocket; the library has no public way to it. */
function rawSocket(client: RawWsClient): { write(bytes: Buffer): void } {
  return (client.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket
}

await t.test('who does not begin with HELLO is told so', async t => {
  const random = new Prng(seed + 1)
  for (let i = 0; i < 50; i++) {
    const client = await RawWsClient.open(daemon.wsUrl)
    client.write(Malformed.stranger(random))
    const closing = await client.closed()
    if (closing === undefined || ![1002, 4093].includes(client.close!.code)) {
      t.fail(`${i}: ${client.close?.code} ${client.close?.reason}`)
    }
  }
})

await t.test('one message of a great many questions does not make the daemon grow', async t => {
  const client = await RawWsClient.attach(daemon.wsUrl, token)
  const message = new Uint8Array(16 * 1024 * 1024 - 48)
  for (let at = 0; at < message.length; at += ping.length) message.set(ping, at)
  // In two fragments, so that it is there as a whole when it is read.
  client.socket.send(message.subarray(0, 16), { fin: false })
  client.socket.send(message.subarray(16), { fin: true })
  const closing = await client.closed()
  t.match(closing, { errno: 28 }, 'its answers alone are more than may wait')
})

await t.test(
  'one message is worked on as it arrives, and no faster than its answers are read',
  async t => {
    const client = await RawWsClient.attach(daemon.wsUrl, token)
    const questions = 400_000 // more than its answers may wait
    const message = new Uint8Array(questions * ping.length)
    for (let at = 0; at < message.length; at += ping.length) message.set(ping, at)
    client.write(message)
    for (let answers = 0; answers < questions && !client.isClosed;) {
      const frames = client.frames.splice(0)
      answers += frames.filter(({ type }) => type === FRAME.PONG).length
      if (frames.length === 0) await client.change()
    }
    t.notOk(client.isClosed)
    client.end()
  },
)
