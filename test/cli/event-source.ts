import t from 'tap'
import { serverEvents } from '../../src/cli/event-source.js'

async function* pieces(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text)
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes)
}

await t.test('events are read however the stream is cut, heartbeats left out', async t => {
  const text = ': hello\n\nevent: flow\nid: 1\ndata: {"ä":1}\n\n:\n\ndata: a\ndata: b\n\n'
  for (const size of [1, 2, 7, 1000]) {
    const events = []
    for await (const event of serverEvents(pieces(text, size))) events.push(event)
    t.same(events, [
      { event: 'flow', data: '{"ä":1}' },
      { event: 'message', data: 'a\nb' },
    ])
  }
})
