import t from 'tap'
import { DueTimer } from '../../src/control/due-timer.js'

await t.test('of several times the first counts, and then it can be set again', async t => {
  let calls = 0
  let called = (): void => undefined
  const timer = new DueTimer(() => {
    calls++
    called()
  })
  const call = (): Promise<void> => new Promise(resolve => (called = resolve))
  const first = call()
  timer.set(60_000)
  timer.set(1)
  timer.set(120_000)
  const alive = setInterval(() => undefined, 1_000) // the timer itself holds nobody up
  await first
  const second = call()
  timer.set(1)
  await second
  t.equal(calls, 2)
  timer.set(0)
  timer.stop()
  timer.set(0)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(calls, 2)
  clearInterval(alive)
})

await t.test('a time that no timer can be set to does not call at once', async t => {
  let calls = 0
  const timer = new DueTimer(() => calls++)
  timer.set(2 ** 40)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(calls, 0)
  timer.stop()
})
