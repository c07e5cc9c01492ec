import t from 'tap'
import { ASK_VIEWERS_MAX, AskFeed } from '../../src/control/ask-feed.js'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

await t.test('who watches hears once of many changes, until it stops', async t => {
  const feed = new AskFeed()
  feed.changed()
  let calls = 0
  const stop = feed.watch(() => calls++)
  feed.changed()
  feed.changed()
  t.equal(calls, 0)
  await nextTurn()
  t.equal(calls, 1)
  stop?.()
  feed.changed()
  await nextTurn()
  t.equal(calls, 1)
})

await t.test('there are so many viewers and no more', async t => {
  const feed = new AskFeed()
  const stops = Array.from({ length: ASK_VIEWERS_MAX }, () => feed.watch(() => undefined))
  t.equal(
    feed.watch(() => undefined),
    undefined,
  )
  stops[0]?.()
  t.type(
    feed.watch(() => undefined),
    'function',
  )
})
