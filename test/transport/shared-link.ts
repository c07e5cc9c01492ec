import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Doorbell, SleepWord } from '../../src/abi/doorbell.js'
import { DownReader } from '../../src/abi/down-queue.js'
import {
  CHUNKS_AT,
  DOWN_QUEUE_BYTES,
  SHARED_WORD,
  sharedLayout,
  sharedMemory,
  UP_QUEUE_AT,
} from '../../src/abi/shared-memory.js'
import { UpWriter } from '../../src/abi/up-queue.js'
import { LinkWatch } from '../../src/transport/link-watch.js'
import { SharedLink } from '../../src/transport/shared-link.js'

const layout = sharedLayout(1, 4096)

/** A link with both its ends here. */
class Pair {
  readonly memory = sharedMemory(new Uint8Array(layout.bytes))
  readonly up = new UpWriter(this.memory)
  readonly down = new DownReader(this.memory)
  readonly clientSleep = new SleepWord(this.memory, SHARED_WORD.CLIENT_SLEEPS)
  readonly daemonBell = new Doorbell(this.memory, SHARED_WORD.DAEMON_SLEEPS)
  bells = 0
  ends: string[] = []
  /** The first slot of each piece. */
  received: number[] = []
  receivedBytes = 0
  problems: string[] = []
  onBytes: () => void = () => undefined
  readonly link = new SharedLink(
    this.memory,
    layout,
    {
      ring: () => this.bells++,
      end: (code, reason) => this.ends.push(`${code} ${reason}`),
      destroy: () => this.ends.push('destroyed'),
    },
    new LinkWatch({ us: 0, yieldProcessor: () => undefined }),
    {
      onBytes: (memory, start, end) => {
        this.receivedBytes += end - start
        this.received.push(...memory.bytes.subarray(start, Math.min(end, start + 16)))
        this.onBytes()
      },
      onBroken: problem => this.problems.push(problem),
      turn: work => work(),
    },
  )

  push(...bytes: number[]): void {
    const at = CHUNKS_AT + 16 * (this.up.position % 100)
    this.memory.bytes.fill(0, at, at + 16).set(bytes, at)
    this.up.push(at, 16)
  }

  /** Reads all that came, and rings as a client does. */
  read(): number {
    let bytes = 0
    for (let part = this.down.read(); part > 0; part = this.down.read()) {
      bytes += part
      this.down.done()
    }
    if (bytes > 0 && this.down.isSpaceWanted && this.daemonBell.mustRing()) this.link.rung()
    return bytes
  }
}

await t.test('what the client pushed is taken in order when it rings', async t => {
  const pair = new Pair()
  pair.push(1)
  pair.push(2)
  pair.link.rung()
  t.same(
    pair.received.filter((_, i) => i % 16 === 0),
    [1, 2],
  )
  t.ok(pair.up.isTaken(pair.up.position - 1))
  await turn()
  await turn()
  t.ok(pair.daemonBell.mustRing(), 'it sleeps when there is nothing more')
})

await t.test('it does not sleep over what came before the client could know', async t => {
  const pair = new Pair()
  t.ok(pair.link.sleep())
  pair.push(1)
  t.notOk(pair.link.sleep())
  t.ok(pair.link.look())
  t.ok(pair.link.sleep())
})

await t.test('one client takes but its turn', async t => {
  const pair = new Pair()
  for (let i = 0; i < 1000; i++) pair.push(i)
  pair.link.look()
  t.equal(pair.received.length / 16, 512)
  t.notOk(pair.link.sleep())
  pair.link.look()
  t.equal(pair.received.length / 16, 1000)
})

await t.test('what is written comes by the down queue, and wakes a client that sleeps', async t => {
  const pair = new Pair()
  let done = 0
  pair.link.write([new Uint8Array(32)], () => done++)
  t.equal(pair.bells, 0, 'it is awake')
  t.equal(done, 0, 'not from within')
  await turn()
  t.equal(done, 1)
  pair.clientSleep.sleep()
  pair.link.write([new Uint8Array(16)], () => done++)
  pair.link.write([new Uint8Array(16)], () => done++)
  t.equal(pair.bells, 1, 'once')
  t.equal(pair.read(), 64)
})

await t.test('more than the queue holds is written as the client makes room', async t => {
  const pair = new Pair()
  const size = DOWN_QUEUE_BYTES
  let done = 0
  const chunks = [new Uint8Array(size - 16), new Uint8Array(size), new Uint8Array(64)]
  pair.link.write(chunks, () => done++)
  pair.link.write([new Uint8Array(16)], () => done++)
  t.ok(pair.link.sleep(), 'there is nothing to do until the client has read')
  await turn()
  t.equal(done, 0)
  let read = 0
  for (let i = 0; i < 10; i++) {
    read += pair.read()
    await turn()
  }
  t.equal(read, 2 * size + 64)
  await turn()
  t.equal(done, 2)
  t.notOk(pair.down.isSpaceWanted)
})

await t.test('it ends behind what was written', async t => {
  const pair = new Pair()
  pair.link.write([new Uint8Array(DOWN_QUEUE_BYTES + 16)], () => undefined)
  pair.link.end(1000, 'goodbye')
  t.same(pair.ends, [])
  t.ok(pair.link.sleep())
  pair.push(1)
  pair.link.rung()
  t.same(pair.received, [], 'and hears nothing more')
  pair.read()
  pair.link.rung()
  t.same(pair.ends, ['1000 goodbye'])
  pair.link.destroy()
  t.equal(pair.ends.at(-1), 'destroyed')
})

await t.test('a pause is a pause', async t => {
  const pair = new Pair()
  pair.onBytes = () => pair.link.pause()
  for (let i = 0; i < 3; i++) pair.push(i)
  pair.link.look()
  pair.link.look()
  t.equal(pair.received.length, 16)
  t.ok(pair.link.sleep(), 'also when something is there')
  pair.onBytes = () => undefined
  pair.link.resume()
  await turn()
  t.equal(pair.received.length, 48)
})

await t.test('a client that waits for room is told', async t => {
  const pair = new Pair()
  pair.clientSleep.sleep()
  pair.push(1)
  pair.link.look()
  t.equal(pair.bells, 0)
  pair.up.wantsSpace = true
  pair.push(1)
  pair.link.look()
  t.equal(pair.bells, 1)
})

await t.test('when the client is gone the last it sent is taken, and no more', async t => {
  const pair = new Pair()
  for (let i = 0; i < 1000; i++) pair.push(i)
  pair.link.close()
  t.equal(pair.received.length / 16, 1000)
  pair.push(1)
  pair.link.rung()
  pair.link.close()
  pair.link.write([new Uint8Array(16)], () => t.fail('nobody reads it'))
  t.notOk(pair.link.look())
  t.ok(pair.link.sleep())
  t.equal(pair.received.length / 16, 1000)
  t.equal(pair.read(), 0)
  await turn()
})

await t.test('a client that repeats itself is not heard out when it is gone', async t => {
  const pair = new Pair()
  for (let i = 0; i < 1000; i++) pair.up.push(CHUNKS_AT, layout.ringsAt - CHUNKS_AT)
  pair.link.close()
  t.ok(pair.receivedBytes < 2 * layout.bytes, `${pair.receivedBytes} bytes`)
})

await t.test('what can not be is not followed', async t => {
  const descriptor = new Pair()
  descriptor.push(1)
  descriptor.memory.view.setUint32(UP_QUEUE_AT, 0, true)
  descriptor.link.look()
  t.match(descriptor.problems, [/^a descriptor of 16 bytes at 0 is no piece of the chunks/])
  const head = new Pair()
  head.memory.words[SHARED_WORD.UP_HEAD] = 2000
  head.link.look()
  t.match(head.problems, [/^more descriptors are pushed/])
  head.link.look()
  t.equal(head.problems.length, 1, 'said once')
  const tail = new Pair()
  tail.memory.words[SHARED_WORD.DOWN_TAIL] = 16
  tail.link.write([new Uint8Array(16)], () => t.fail('it was not written'))
  t.match(tail.problems, [/^more of the down queue is read/])
})
