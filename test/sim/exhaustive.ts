import t from 'tap'
import { payload } from '../hypervisor/fixtures/machine.js'
import { World, type Flow } from './fixtures/world.js'

/** Sequences of so many operations are tried, all of them. */
const DEPTH = 5

const toRing: Flow = { from: 1, name: 'a', port: 80, type: 'dgram' }

/** What two domains can do to a ring that is almost always full. */
const operations = ['b:0', 'b:16', 'b:16,16', 'b!0', 'c:1', 'c!16', 'free 1', 'free all'] as const

function play(length: number, sequence: readonly string[]): void {
  const world = new World(['accept *:* -> *:*'])
  const [owner, b, c] = ['a', 'b', 'c'].map(name => world.openSession(world.createDomain(name))!)
  const ring = world.register(owner!, 80, length)!
  for (const sender of [b!, c!]) world.register(sender, 1, 48)
  for (const operation of sequence) {
    if (operation.startsWith('free')) {
      world.consume(ring, operation === 'free all' ? Infinity : 1)
      continue
    }
    const session = operation.startsWith('b') ? b! : c!
    const messages = operation
      .slice(2)
      .split(',')
      .map(size => payload(Number(size)))
    world.sendRun(session, toRing, messages, operation[1] === '!')
  }
  world.close()
}

for (const length of [48, 64, 96]) {
  t.test(`all sequences of ${DEPTH} operations on a ring of ${length} bytes`, async t => {
    const sequences = operations.length ** DEPTH
    for (let n = 0; n < sequences; n++) {
      const sequence: string[] = []
      for (let rest = n, i = 0; i < DEPTH; i++, rest = Math.floor(rest / operations.length)) {
        sequence.push(operations[rest % operations.length]!)
      }
      try {
        play(length, sequence)
      } catch (error) {
        t.fail(sequence.join(' | '), { text: error instanceof Error ? error.stack : String(error) })
        return
      }
    }
    t.pass(`${sequences} sequences`)
  })
}
