import t from 'tap'
import { EventStream } from '../../src/control/event-stream.js'

/** Sends what it is told to, once for each time that it is wanted. */
class Words extends EventStream {
  readonly #words: string[]
  unwatched = 0

  constructor(words: string[], isAllowed: () => boolean) {
    super(isAllowed)
    this.#words = words
  }

  start(hasRoom = true): boolean {
    return this.follow(hasRoom ? () => this.unwatched++ : undefined)
  }

  protected override fill(): void {
    const word = this.#words.shift()
    if (word !== undefined) this.send(`data: ${word}\n\n`)
  }
}

await t.test('a viewer that takes what there is gets all of it', async t => {
  const stream = new Words(['a', 'b'], () => true)
  t.ok(stream.start())
  const seen: string[] = []
  stream.on('data', text => seen.push(String(text)))
  while (seen.length < 2) await new Promise(setImmediate)
  t.same(seen, ['data: a\n\n', 'data: b\n\n'])
  stream.finish()
  await new Promise(resolve => stream.once('end', resolve))
  t.equal(stream.unwatched, 1)
})

await t.test('a stream ends with the right to see it, and where nobody can say', async t => {
  const alive = setInterval(() => undefined, 1_000) // the stream's own timer holds nobody up
  for (const isAllowed of [
    () => false,
    () => {
      throw new Error('the store is gone')
    },
  ]) {
    const stream = new Words([], isAllowed)
    stream.start()
    stream.resume()
    await new Promise(resolve => stream.once('end', resolve))
    t.equal(stream.unwatched, 1)
  }
  clearInterval(alive)
})

await t.test('it does not start when too many follow, and leaves nothing when destroyed', t => {
  t.notOk(new Words([], () => true).start(false))
  const stream = new Words([], () => true)
  stream.start()
  stream.destroy()
  stream.once('close', () => {
    t.equal(stream.unwatched, 1)
    t.end()
  })
})
