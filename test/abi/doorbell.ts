import fc from 'fast-check'
import t from 'tap'
import { Doorbell, SleepWord } from '../../src/abi/doorbell.js'
import { SHARED_WORD, sharedMemory } from '../../src/abi/shared-memory.js'

const { CLIENT_SLEEPS } = SHARED_WORD

await t.test('the bell is rung once for each sleep', async t => {
  const memory = sharedMemory(new Uint8Array(4096))
  const word = new SleepWord(memory, CLIENT_SLEEPS)
  const doorbell = new Doorbell(memory, CLIENT_SLEEPS)
  t.notOk(word.isAsleep)
  t.notOk(doorbell.mustRing(), 'it is awake')
  word.wake()
  t.notOk(doorbell.mustRing())
  word.sleep()
  word.sleep()
  t.ok(word.isAsleep)
  t.ok(doorbell.mustRing())
  t.notOk(doorbell.mustRing(), 'it was rung')
  word.wake()
  word.sleep()
  t.ok(doorbell.mustRing(), 'another sleep, between two looks')
})

await t.test('the count goes on beyond 2^32', async t => {
  const memory = sharedMemory(new Uint8Array(4096))
  const doorbell = new Doorbell(memory, CLIENT_SLEEPS)
  for (const count of [0x7fffffff, -1, 1]) {
    memory.words[CLIENT_SLEEPS] = count
    t.ok(doorbell.mustRing())
    t.notOk(doorbell.mustRing())
  }
})

/** One step of a side at a time, in any order: what two processes can do to each other. */
await t.test('in no order of steps does a side sleep while something waits for it', async () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), order => {
      const memory = sharedMemory(new Uint8Array(4096))
      const word = new SleepWord(memory, CLIENT_SLEEPS)
      const doorbell = new Doorbell(memory, CLIENT_SLEEPS)
      let published = 0
      let taken = 0
      let bells = 0
      function* consumer(): Generator<void, void, void> {
        for (;;) {
          taken = published
          yield
          word.sleep()
          yield
          if (taken < published) {
            word.wake()
            continue
          }
          while (bells === 0) yield
          bells = 0
          word.wake()
          yield
        }
      }
      function* producer(): Generator<void, void, void> {
        for (;;) {
          published++
          yield
          if (doorbell.mustRing()) bells++
          yield
        }
      }
      const [left, right] = [consumer(), producer()]
      for (const isLeft of order) (isLeft ? left : right).next()
      // The producer ends what it began, and nothing more comes: the consumer must get to it all.
      if (order.filter(isLeft => !isLeft).length % 2 === 1) right.next()
      for (let i = 0; i < 10; i++) left.next()
      return taken === published
    }),
    { numRuns: 2000 },
  )
})
