import t from 'tap'
import { random, Machine, type Client, type Received } from '../hypervisor/fixtures/machine.js'
import { frameBytes } from '../../src/abi/frame.js'

const MESSAGES = 400

/** A message that tells its number and whether it is whole: the bytes follow from the number. */
function numbered(number: number, length: number): Uint8Array {
  const data = frameBytes(new Uint8Array(4 + length))
  data.view.setUint32(0, number, true)
  for (let i = 0; i < length; i++) data.bytes[4 + i] = (number * 17 + i) & 0xff
  return data.bytes
}

/**
 * A client as the SDK is: it sends without waiting for answers, and when something is refused it
 * takes back all that is under way, waits for space, and starts again from the first refused one.
 */
class Sender {
  readonly #client: Client
  readonly #below: (n: number) => number
  readonly #lengths: number[]
  /** The next message to be put under way, and those that are. */
  #next = 0
  #flight: { first: number; count: number; retry: boolean }[] = []
  /** The first message that was refused and not yet gone back to. */
  #refused: number | undefined
  #mayRetry = false

  constructor(client: Client, below: (n: number) => number) {
    this.#client = client
    this.#below = below
    this.#lengths = Array.from({ length: MESSAGES }, () => below(60))
    client.ring(1, 48)
  }

  get isDone(): boolean {
    return this.#next === MESSAGES && this.#flight.length === 0 && this.#refused === undefined
  }

  /** Puts a burst under way. */
  write(): void {
    let retry = false
    if (this.#refused !== undefined) {
      if (!this.#mayRetry || this.#flight.length > 0) return
      this.#next = this.#refused
      this.#refused = undefined
      retry = true
    }
    const count = Math.min(1 + this.#below(6), MESSAGES - this.#next)
    if (count === 0) return
    this.#flight.push({ first: this.#next, count, retry })
    this.#next += count
  }

  /** The oldest burst under way reaches the hypervisor. */
  arrive(): void {
    if (this.#client.sink.take().some(event => event.startsWith('space'))) this.#mayRetry = true
    const burst = this.#flight.shift()
    if (burst === undefined) return
    const { first, count, retry } = burst
    const messages = this.#lengths
      .slice(first, first + count)
      .map((length, i) => numbered(first + i, length))
    if (retry) this.#mayRetry = false
    const { accepted, refused } = this.#client.run('sink:80', messages, { retry })
    if (accepted + refused !== count) throw new Error('a burst is settled at once')
    if (refused > 0) this.#refused ??= first + accepted
  }
}

await t.test(
  'bursts under way, a slow reader and several senders: each datagram whole, once, in order',
  async t => {
    for (let seed = 1; seed <= 30; seed++) {
      const below = random(seed)
      const machine = new Machine()
      const sink = machine.client('sink')
      const ring = sink.ring(80, [96, 128, 256, 1024][seed % 4]!)
      const senders = ['a', 'b', 'c'].map(name => new Sender(machine.client(name), below))
      const received: Received[] = []
      for (let turn = 0; !senders.every(sender => sender.isDone); turn++) {
        if (turn > 100_000) throw new Error(`seed ${seed}: somebody waits for ever`)
        const sender = senders[below(senders.length)]!
        const dice = below(8)
        if (dice < 3) sender.write()
        else if (dice < 7) sender.arrive()
        else received.push(...sink.drain(ring))
      }
      received.push(...sink.drain(ring))
      t.equal(received.length, senders.length * MESSAGES, `seed ${seed}`)
      const next = new Map<number, number>()
      const isRight = received.every(({ source, data }) => {
        const number = next.get(source.domain) ?? 0
        next.set(source.domain, number + 1)
        return Buffer.from(data).equals(numbered(number, data.length - 4))
      })
      t.equal(isRight, true, `seed ${seed}: in order and whole`)
    }
  },
)
