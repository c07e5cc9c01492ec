import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, V4vError, type Ring } from '../../src/sdk/index.js'
import { spawnDaemon } from '../fixtures/daemon.js'

// A change of the rules holds for traffic that flows already, before its answer is read. The daemon
// is another process, so that nothing here can order what it does.

const daemon = await spawnDaemon(t)
await daemon.addDomains('web', 'db')

/** Sends numbered messages one after the other, and notes what became of each. */
class Flow {
  /** The number of the message that is sent next. */
  next = 0
  readonly accepted: boolean[] = []
  #isDone = false
  readonly #ended: Promise<void>

  constructor(ring: Ring, to: string, codes: Set<string>) {
    this.#ended = (async () => {
      while (!this.#isDone) {
        const number = this.next++
        const payload = Buffer.alloc(8)
        payload.writeUInt32LE(number)
        if (number % 8 === 0) await sleep(1) // the daemon is to have the processor
        try {
          await ring.send(to, payload)
          this.accepted[number] = true
        } catch (error) {
          if (!(error instanceof V4vError)) throw error
          codes.add(error.code)
          this.accepted[number] = false
        }
      }
    })()
  }

  /** Waits until so many more were decided. */
  async more(count: number): Promise<void> {
    const until = this.accepted.length + count
    while (this.accepted.length < until) await sleep(1)
  }

  async end(): Promise<void> {
    this.#isDone = true
    await this.#ended
  }
}

for (const way of ['unix', 'ws'] as const) {
  await t.test(`over ${way}, a rule added or removed bites before the answer is read`, async t => {
    const web = await connect(daemon.as('web', way))
    const db = await connect(daemon.as('db', way))
    const arrived: number[] = []
    const ring = await db.bind(5432)
    const reading = (async () => {
      for await (const { data } of ring) arrived.push(Buffer.from(data).readUInt32LE())
    })()
    const codes = new Set<string>()
    const flow = new Flow(await web.bind(80), 'db:5432', codes)
    await flow.more(50)

    /** What was sent after each change was answered, and before the next was asked for. */
    const phases: { from: number; to: number; isAllowed: boolean }[] = []
    for (let round = 0; round < 10; round++) {
      const id = await daemon.admin.addRule('accept', 'web:*', 'db:*')
      const allowedFrom = flow.next
      await flow.more(50)
      phases.push({ from: allowedFrom, to: flow.accepted.length, isAllowed: true })
      await daemon.admin.removeRule(id)
      const refusedFrom = flow.next
      await flow.more(50)
      phases.push({ from: refusedFrom, to: flow.accepted.length, isAllowed: false })
    }
    await flow.end()
    t.same([...codes], ['EPERM'])
    for (const { from, to, isAllowed } of phases) {
      t.ok(to > from)
      const wrong = flow.accepted.slice(from, to).filter(isAccepted => isAccepted !== isAllowed)
      t.equal(wrong.length, 0, `messages ${from} to ${to} are ${isAllowed ? '' : 'not '}allowed`)
    }
    const sent = flow.accepted.flatMap((isAccepted, number) => (isAccepted ? [number] : []))
    while (arrived.length < sent.length) await sleep(1)
    t.same(arrived, sent, 'what was accepted arrives, and nothing else')
    await web.close()
    await db.close()
    await reading
  })
}

await t.test('messages that are under way in bulk are cut off at one point', async t => {
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  const ring = await db.bind(5432)
  let arrived = 0
  const reading = (async () => {
    for await (const batch of ring.batches()) {
      for (let i = 0; i < batch.length; i++) {
        if (Buffer.from(batch.data(i)).readUInt32LE() !== arrived++) throw new Error('out of order')
      }
    }
  })()
  const id = await daemon.admin.addRule('accept', 'web:*', 'db:*')
  const from = await web.bind(80)
  let refused = 0
  from.on('refused', (_error, count) => (refused += count))
  let taken = 0
  let isDone = false
  const sending = (async () => {
    while (!isDone) {
      const payload = Buffer.alloc(64)
      payload.writeUInt32LE(taken)
      if (from.trySend('db:5432', payload)) taken++
      else await new Promise(resolve => setImmediate(resolve))
      if (taken % 500 === 0) await new Promise(resolve => setImmediate(resolve))
    }
  })()
  while (arrived < 5000) await new Promise(resolve => setImmediate(resolve))
  await daemon.admin.removeRule(id)
  const takenAtAnswer = taken
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
  isDone = true
  await sending
  await from.close()
  while (arrived + refused < taken) await new Promise(resolve => setImmediate(resolve))
  t.equal(arrived + refused, taken, 'each arrived or was refused')
  t.ok(refused >= taken - takenAtAnswer, 'all that was sent after the answer was refused')
  await web.close()
  await db.close()
  await reading
})

await t.test('a tag that a domain loses takes its rules away with it', async t => {
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  await db.bind(5432)
  const from = await web.bind(80)
  const id = await daemon.admin.addRule('accept', 'tag:trusted:*', 'db:*')
  const send = () => from.send('db:5432', new Uint8Array(1))
  await t.rejects(send(), { code: 'EPERM' })
  await daemon.admin.ask('PATCH', '/v1/domains/web', { tags: ['trusted'] })
  await send()
  await daemon.admin.ask('PATCH', '/v1/domains/web', { tags: [] })
  await t.rejects(send(), { code: 'EPERM' })
  await daemon.admin.removeRule(id)
  await web.close()
  await db.close()
})

await t.test('a change that is answered survives the death of the daemon', async t => {
  const dir = daemon.stateDir
  await daemon.admin.addRule('accept', 'web:7', 'db:7')
  const { revision } = await daemon.admin.stats()
  daemon.child.kill('SIGKILL')
  const again = await spawnDaemon(t, dir)
  t.equal((await again.admin.stats()).revision, revision)
  const web = await connect(daemon.as('web'))
  const db = await connect(daemon.as('db'))
  await db.bind(7)
  await (await web.bind(7)).send('db:7', new Uint8Array(1))
  await web.close()
  await db.close()
})
