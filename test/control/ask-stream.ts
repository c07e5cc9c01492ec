import t from 'tap'
import { AskFeed, ASK_VIEWERS_MAX } from '../../src/control/ask-feed.js'
import { AskStream } from '../../src/control/ask-stream.js'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

await t.test('a viewer gets the list at once, and again when it has changed', async t => {
  const feed = new AskFeed()
  let asks = 0
  const stream = new AskStream(feed, { list: () => ({ asks }), isAllowed: () => true })
  t.ok(stream.start())
  const seen: string[] = []
  stream.on('data', text => seen.push(String(text)))
  await nextTurn()
  asks = 1
  feed.changed()
  asks = 2
  await nextTurn()
  await nextTurn()
  t.same(seen, ['event: asks\ndata: {"asks":0}\n\n', 'event: asks\ndata: {"asks":2}\n\n'])
  stream.finish()
  await new Promise(resolve => stream.once('end', resolve))
})

await t.test('a viewer that reads nothing finds how things stand when it does', async t => {
  const feed = new AskFeed()
  let asks = 0
  const stream = new AskStream(feed, { list: () => ({ asks }), isAllowed: () => true })
  stream.start()
  for (asks = 1; asks < 50; asks++) {
    feed.changed()
    await nextTurn()
  }
  t.equal(String(stream.read()), 'event: asks\ndata: {"asks":50}\n\n')
  stream.destroy()
})

await t.test('it does not start when too many follow', async t => {
  const feed = new AskFeed()
  for (let i = 0; i < ASK_VIEWERS_MAX; i++) feed.watch(() => undefined)
  const stream = new AskStream(feed, { list: () => ({}), isAllowed: () => true })
  t.notOk(stream.start())
})
