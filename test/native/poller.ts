import t from 'tap'
import { loadOf, Poller, pollingOf } from '../../src/native/poller.js'

/** A poller of which the test sees each step, until it sleeps. */
function watched(
  us: number,
  found: boolean[],
  load = { messages: 0 },
): { steps: string[]; asleep: Promise<void>; poller: Poller } {
  const steps: string[] = []
  let slept!: () => void
  const asleep = new Promise<void>(resolve => (slept = resolve))
  const poller = new Poller(
    { us, yieldProcessor: () => steps.push('yield') },
    load,
    () => {
      const isThere = found.shift() ?? false
      steps.push(isThere ? 'found' : 'looked')
      return isThere
    },
    () => {
      steps.push('sleep')
      slept()
      return true
    },
  )
  return { steps, asleep, poller }
}

await t.test('it looks until there is nothing, then sleeps', async t => {
  const { steps, asleep, poller } = watched(0, [true, true])
  poller.expect()
  t.notOk(poller.isTurning, 'without time to look on there is nothing to expect')
  poller.stir()
  poller.stir()
  t.ok(poller.isTurning)
  await asleep
  t.same(steps, ['found', 'found', 'looked', 'sleep'])
  t.notOk(poller.isTurning)
})

await t.test('it looks on for a while, and lets others run', async t => {
  const { steps, poller } = watched(60_000_000, [true]) // longer than any machine stands still
  poller.expect()
  t.ok(poller.isTurning)
  while (steps.length < 5) await new Promise(resolve => setImmediate(resolve))
  t.same(steps.slice(0, 5), ['found', 'looked', 'yield', 'looked', 'yield'])
  poller.stop()
  const { length } = steps
  await new Promise(resolve => setImmediate(resolve))
  t.equal(steps.length, length)

  const short = watched(100, [true])
  short.poller.stir()
  await short.asleep
  t.same(short.steps.slice(-2), ['looked', 'sleep'])
})

await t.test(
  'in a stream nothing is expected of a send, until messages come one by one',
  async t => {
    const load = { messages: 100 }
    const { asleep, poller } = watched(100, [true], load)
    poller.stir()
    await new Promise(resolve => setImmediate(resolve))
    t.ok(poller.isInStream)
    await asleep
    t.notOk(poller.isInStream)
    poller.expect()
    t.notOk(poller.isTurning)
    load.messages = 1
    poller.stir()
    await new Promise(resolve => setImmediate(resolve))
    t.notOk(poller.isInStream)
    poller.expect()
    t.ok(poller.isTurning)
    poller.stop()
  },
)

await t.test('what comes while it falls asleep is looked at', async t => {
  let sleeps = 0
  let looks = 0
  await new Promise<void>(resolve => {
    const poller = new Poller(
      { us: 0, yieldProcessor: () => undefined },
      { messages: 0 },
      () => ++looks > 100,
      () => {
        if (++sleeps < 3) return false
        resolve()
        return true
      },
    )
    poller.stir()
  })
  t.equal(looks, 3)
})

await t.test('who can not give way to others looks on only where there are processors', async t => {
  let yields = 0
  const native = { yieldProcessor: () => void yields++ }
  t.equal(pollingOf('auto', native, 1).us, 0)
  t.equal(pollingOf('auto', native, 2).us, 50)
  t.equal(pollingOf('off', native, 8).us, 0)
  t.equal(pollingOf(200, native, 2).us, 200)
  t.equal(pollingOf('auto', undefined, 8).us, 0)
  t.equal(pollingOf(200, undefined, 2).us, 0)
  t.equal(pollingOf(200, undefined, 3).us, 200)
  pollingOf('auto', native, 2).yieldProcessor()
  pollingOf('auto', undefined).yieldProcessor()
  t.equal(yields, 1)
})

await t.test('large messages count for several', async t => {
  t.equal(loadOf(3, 3000), 3)
  t.equal(loadOf(1, 65_552), 5)
  t.equal(loadOf(2, 131_104), 10)
})
