import t from 'tap'
import { Turns } from '../../../src/control/services/turns.js'

await t.test('one thing is done after the other, and a failure stops nothing', async t => {
  const turns = new Turns({ waitingMax: 8, bytesMax: 100 })
  const seen: string[] = []
  const work = (name: string) => async (): Promise<string> => {
    seen.push(`${name} begins`)
    await new Promise(setImmediate)
    seen.push(`${name} ends`)
    return name
  }
  const first = turns.take(work('a'))
  const failed = turns.take(async () => Promise.reject(new Error('no')))
  const last = turns.take(work('b'))
  await t.rejects(failed, /no/)
  await turns.done()
  t.strictSame([await first, await last], ['a', 'b'])
  t.strictSame(seen, ['a begins', 'a ends', 'b begins', 'b ends'])
})

await t.test('only so many wait, and only so many bytes with them', async t => {
  const turns = new Turns({ waitingMax: 2, bytesMax: 100 })
  t.equal(turns.hasRoomFor(1_000), true, 'one alone may hold more')
  const work = async (): Promise<void> => undefined
  void turns.take(work, 60)
  t.strictSame([turns.hasRoomFor(40), turns.hasRoomFor(41)], [true, false])
  void turns.take(work)
  t.equal(turns.hasRoomFor(0), true, 'one has its turn and one waits')
  void turns.take(work)
  t.equal(turns.hasRoomFor(0), false)
  await turns.done()
  await new Promise(setImmediate)
  t.equal(turns.hasRoomFor(100), true)
})
