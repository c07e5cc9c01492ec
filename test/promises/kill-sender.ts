import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, type Status } from '../../src/sdk/index.js'
import { spawnDaemon, until, type DaemonProcess } from '../fixtures/daemon.js'
import { PeerProcess, SENT_BYTES } from '../fixtures/peer-process.js'

// When a sending domain is killed nothing of it is left in the daemon, what it had sent arrives
// whole, and others send on.
//
// V4V_KILLS says how often: 9 times unless told.

const ROUNDS = Number(process.env['V4V_KILLS'] ?? 9)

t.setTimeout(230_000) // processes take their time to start on a busy machine
const daemon = await spawnDaemon(t)
await daemon.addDomains('victim', 'reader', 'steady')
await daemon.admin.addRule('accept', '*:*', '*:*')

async function held(from: DaemonProcess): Promise<Record<string, number>> {
  const [rings, sessions] = await Promise.all([from.admin.rings(), from.admin.sessions()])
  return {
    rings: rings.length,
    waiters: rings.reduce((sum, ring) => sum + ring.waiters, 0),
    victims: sessions.filter(session => session.domain === 'victim').length,
    sessions: sessions.length,
    openFiles: from.openFiles(),
  }
}

/** Waits until this port of the victim is told to be gone; what else is told is thrown away. */
async function hear(feed: AsyncIterator<Status>, port: number): Promise<void> {
  for (;;) {
    const { value, done } = await feed.next()
    if (done === true) throw new Error('the session ended')
    if (value.kind === 'ring-down' && value.domain === 'victim' && value.port === port) return
  }
}

await t.test('a sender that is killed leaves nothing, and others send on', async t => {
  const reader = await connect(daemon.as('reader'))
  const steady = await connect(daemon.as('steady'))
  // The victim floods a ring that is read and one that is full, and waits for space in both.
  const open = await reader.bind(514, { size: '64KiB' })
  await reader.bind(515, { size: 4096 })
  const own = await steady.bind(0)
  const counts = { victim: 0, steady: 0, broken: 0 }
  const reading = (async () => {
    for await (const batch of open.batches()) {
      for (let i = 0; i < batch.length; i++) {
        const source = batch.source(i)
        const bytes = batch.data(i)
        if (source === 'steady') {
          if (Buffer.from(bytes).readUInt32LE() !== counts.steady++) counts.broken++
        } else {
          counts.victim++
          if (bytes.length !== SENT_BYTES) counts.broken++
        }
      }
    }
  })()
  const feed = reader.status()
  let sent = 0
  let isDone = false
  const sending = (async () => {
    while (!isDone) {
      const payload = Buffer.alloc(64)
      payload.writeUInt32LE(sent++)
      await own.send('reader:514', payload)
      if (sent % 10 === 0) await sleep(5)
    }
  })()
  const before = await held(daemon)
  const toldAfterMs: number[] = []
  let spare = start(0)
  for (let round = 0; round < ROUNDS; round++) {
    const victim = await spare
    spare = round + 1 < ROUNDS ? start(round + 1) : spare
    const killedAt = performance.now()
    // The next victim is of the same domain, which is therefore not down.
    const heard = hear(feed, portOf(round))
    await victim.kill()
    await heard
    toldAfterMs.push(performance.now() - killedAt)
  }
  // By the death itself, and not by a ping that was not answered; a machine that stands still does
  // so in a round or two, but not in most of them.
  const median = toldAfterMs.toSorted((a, b) => a - b)[ROUNDS >> 1]!
  t.comment(`the receiver was told after ${median} ms`)
  t.ok(median < reader.limits.pingIntervalMs, `the receiver was told after ${median} ms`)
  isDone = true
  await sending
  const after = await until(
    () => held(daemon),
    seen => seen['victims'] === 0 && seen['openFiles'] === before['openFiles'],
  )
  t.equal(after['waiters'], 0)
  t.equal(after['rings'], before['rings'])
  t.equal(after['sessions'], before['sessions'])
  await until(
    () => counts.steady,
    steady => steady === sent,
  )
  t.equal(counts.broken, 0, 'nothing arrived in part, and nothing of the other was lost')
  t.ok(counts.victim > ROUNDS, `${counts.victim} datagrams of those that were killed arrived`)
  await steady.close()
  await reader.close()
  await reading
})

/** The port a victim sends from. */
function portOf(round: number): number {
  return 1000 + round
}

function start(round: number): Promise<PeerProcess> {
  const way = (['unix', 'ws', 'own-socket'] as const)[round % 3]
  const task = { kind: 'send', port: portOf(round), to: ['reader:514', 'reader:515'] } as const
  return PeerProcess.start(daemon, 'victim', task, way)
}
