import t from 'tap'
import { payload } from '../hypervisor/fixtures/machine.js'
import { World, type Flow, type SessionPair } from './fixtures/world.js'

/** Sequences of so many operations are tried, all of them. */
const DEPTH = 5

const toRing: Flow = { from: 1, name: 'a', port: 80, type: 'dgram' }

/** What two domains can do to a ring that is almost always full. */
const operations = ['b:0', 'b:16', 'b:16,16', 'b!0', 'c:1', 'c!16', 'free 1', 'free all'] as const

/** A world that is used for many sequences, each with a ring of its own. */
class Stage {
  readonly world = new World(['accept *:* -> *:*'])
  readonly #owner = this.#client('a')
  readonly #b = this.#client('b')
  readonly #c = this.#client('c')

  constructor() {
    for (const sender of [this.#b, this.#c]) this.world.register(sender, 1, 48)
  }

  play(length: number, sequence: readonly string[]): void {
    const { world } = this
    const ring = world.register(this.#owner, 80, length)!
    for (const operation of sequence) {
      if (operation.startsWith('free')) {
        world.consume(ring, operation === 'free all' ? Infinity : 1)
        continue
      }
      const session = operation.startsWith('b') ? this.#b : this.#c
      const messages = operation
        .slice(2)
        .split(',')
        .map(size => payload(Number(size)))
      world.sendRun(session, toRing, messages, operation[1] === '!')
    }
    world.unregister(ring)
  }

  #client(name: string): SessionPair {
    return this.world.openSession(this.world.createDomain(name))!
  }
}

t.setTimeout(120_000)

for (const length of [48, 64, 96]) {
  await t.test(`all sequences of ${DEPTH} operations on a ring of ${length} bytes`, async t => {
    const stage = new Stage()
    const sequences = operations.length ** DEPTH
    for (let n = 0; n < sequences; n++) {
      const sequence: string[] = []
      for (let rest = n, i = 0; i < DEPTH; i++, rest = Math.floor(rest / operations.length)) {
        sequence.push(operations[rest % operations.length]!)
      }
      try {
        stage.play(length, sequence)
      } catch (error) {
        t.fail(sequence.join(' | '), {
          text: error instanceof Error ? error.stack : 'not an error',
        })
        return
      }
    }
    stage.world.close()
    t.pass(`${sequences} sequences`)
  })
}
