import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Doorbell, SleepWord } from '../../src/abi/doorbell.js'
import { DownWriter } from '../../src/abi/down-queue.js'
import { encodePing } from '../../src/abi/control-frame.js'
import { FRAME, frameY } from '../../src/abi/frame.js'
import {
  DOWN_QUEUE_BYTES,
  SHARED_WORD,
  sharedLayout,
  sharedMemory,
  type SharedMemory,
} from '../../src/abi/shared-memory.js'
import { UpReader } from '../../src/abi/up-queue.js'
import { SharedQueues } from '../../src/sdk/shared-queues.js'

/** Of 48 bytes: three times what the queue holds. */
const FRAMES = 3 * Math.ceil(DOWN_QUEUE_BYTES / 48)
const layout = sharedLayout(2, 8192)

/** The client's end, and a daemon of which the test decides each step. */
class Scene {
  readonly memory: SharedMemory = sharedMemory(new Uint8Array(layout.bytes))
  readonly down = new DownWriter(this.memory)
  readonly up = new UpReader(this.memory, layout)
  readonly sleep = new SleepWord(this.memory, SHARED_WORD.DAEMON_SLEEPS)
  readonly client = new Doorbell(this.memory, SHARED_WORD.CLIENT_SLEEPS)
  readonly received: number[] = []
  readonly problems: string[] = []
  rings = 0
  drains = 0
  readonly queues: SharedQueues

  constructor(pollingUs = 0) {
    this.queues = new SharedQueues({
      memory: this.memory,
      layout,
      polling: { us: pollingUs, yieldProcessor: () => undefined },
      load: { messages: 0 },
      ring: () => this.rings++,
      receiver: {
        onBytes: ({ view }, start, end) => {
          if (end - start < 16) throw new Error('not a whole frame')
          this.received.push(frameY(view, start))
        },
        onDrain: () => this.drains++,
      },
      onProblem: problem => this.problems.push(problem),
    })
  }

  /** Writes a frame, as much of it as there is room for at once. */
  say(number: number): void {
    const frame = encodePing(FRAME.PING, number, 0)
    this.down.write(frame, 0, frame.length)
  }

  /** Rings if the client has to be rung. */
  ring(): boolean {
    if (!this.client.mustRing()) return false
    this.queues.rung()
    return true
  }

  /** Lets the client turn until it sleeps. */
  async settle(): Promise<void> {
    while ((this.memory.words[SHARED_WORD.CLIENT_SLEEPS]! & 1) === 0) await turn()
  }

  take(): number {
    let bytes = 0
    while (this.up.waiting > 0 && this.up.read()) {
      bytes += this.up.length
      this.up.done()
    }
    return bytes
  }
}

await t.test('what the daemon writes before it knows of a sleep is dealt with', async t => {
  const scene = new Scene()
  scene.say(1)
  t.notOk(scene.client.mustRing(), 'it is awake from the beginning')
  await scene.settle()
  t.same(scene.received, [1])
  scene.say(2)
  t.ok(scene.ring())
  t.same(scene.received, [1, 2])
  t.notOk(scene.client.mustRing())
  await scene.settle()
  scene.queues.end()
})

await t.test('frames that wrap arrive whole, and more than the queue holds', async t => {
  const scene = new Scene()
  const frame = new Uint8Array(48)
  let told = 0
  for (let i = 0; i < FRAMES; i++) {
    const view = new DataView(frame.buffer)
    view.setUint32(0, 48, true)
    view.setUint32(8, i, true)
    while (scene.down.room < frame.length) {
      scene.down.wantsSpace = true
      scene.sleep.sleep()
      scene.ring()
      await turn()
      if (scene.rings > told) {
        told = scene.rings
        scene.sleep.wake()
        scene.down.wantsSpace = false
      }
    }
    scene.down.write(frame, 0, frame.length)
  }
  await turn()
  scene.ring()
  scene.queues.end()
  t.ok(told > 0, 'the daemon was told that there is room')
  t.equal(scene.received.length, FRAMES)
  t.ok(scene.received.every((number, i) => number === i))
})

await t.test('the daemon is rung once for each of its sleeps', async t => {
  const scene = new Scene()
  const piece = new Uint8Array(16)
  scene.queues.send([piece])
  await turn()
  t.equal(scene.rings, 0)
  scene.sleep.sleep()
  scene.queues.send([piece])
  scene.queues.send([piece])
  t.equal(scene.rings, 0, 'at the end of the turn')
  await turn()
  t.equal(scene.rings, 1)
  scene.sleep.wake()
  scene.sleep.sleep()
  scene.queues.send([piece])
  await turn()
  t.equal(scene.rings, 2)
  t.equal(scene.take(), 64)
  scene.queues.end()
})

await t.test('much is not kept from the daemon until the turn ends', async t => {
  const scene = new Scene()
  scene.sleep.sleep()
  const piece = scene.queues.chunks.take(0).bytes
  scene.queues.send([piece])
  t.equal(scene.rings, 0)
  scene.queues.send([piece])
  t.equal(scene.rings, 1)
  scene.queues.end()
})

await t.test('what does not fit is sent when the daemon has taken what came before', async t => {
  const scene = new Scene()
  await scene.settle()
  const large = new Uint8Array(700_000 & ~15)
  t.notOk(scene.queues.send([large]))
  t.notOk(scene.queues.send([new Uint8Array(32)]))
  t.ok(scene.queues.isWaiting)
  await scene.settle()
  let taken = scene.take()
  t.equal(scene.drains, 0)
  while (scene.queues.isWaiting) {
    t.ok(scene.ring(), 'it sleeps, and wants to be rung')
    await scene.settle()
    taken += scene.take()
  }
  t.equal(taken, large.length + 32)
  t.equal(scene.drains, 1)
  t.ok(scene.queues.send([new Uint8Array(32)]))
  scene.queues.end()
})

await t.test('after a send an answer is looked for without being rung', async t => {
  const scene = new Scene(60_000_000) // longer than any machine stands still
  scene.queues.send([new Uint8Array(16)])
  await turn()
  t.notOk(scene.client.mustRing())
  scene.say(5)
  while (scene.received.length === 0) await turn()
  t.same(scene.received, [5])
  scene.queues.end()
})

await t.test('only rings in their part of the memory are taken for such', async t => {
  const { queues, memory } = new Scene()
  t.equal(queues.memory(0, 4096), undefined)
  t.equal(queues.memory(layout.ringsAt, 8208), undefined)
  t.equal(queues.memory(layout.bytes, 16), undefined)
  const ring = queues.memory(layout.ringsAt + 4096, 4096)
  ring?.bytes.fill(7)
  t.equal(memory.bytes.at(-1), 7)
  t.equal(memory.bytes.at(-4097), 0)
  queues.end()
})

await t.test('nonsense from the daemon is told once, and ends it', async t => {
  const scene = new Scene()
  Atomics.store(scene.memory.words, SHARED_WORD.DOWN_HEAD, DOWN_QUEUE_BYTES + 16)
  scene.queues.rung()
  scene.queues.rung()
  await turn()
  t.equal(scene.problems.length, 1)
  const other = new Scene()
  other.down.write(new Uint8Array(16), 0, 16)
  other.queues.rung()
  other.queues.end()
  t.match(other.problems, [/0 bytes long/])
})

await t.test('at the end the last frames are read, and then none', async t => {
  const scene = new Scene()
  scene.say(1)
  scene.say(2)
  scene.queues.end()
  t.same(scene.received, [1, 2])
  scene.say(3)
  scene.queues.rung()
  scene.queues.end()
  t.same(scene.received, [1, 2])
})
