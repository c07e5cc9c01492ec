import { on } from 'node:events'
import t from 'tap'
import { DISCONNECT_VIEWERS_MAX, DisconnectLog } from '../../src/control/disconnect-log.js'
import { DisconnectStream } from '../../src/control/disconnect-stream.js'
import type { EndReason } from '../../src/abi/end-reason.js'

const limits = { disconnectsMax: 3, disconnectsPerDomainMax: 3, disconnectWindowMs: 60_000 }

function end(log: DisconnectLog, reason: EndReason): void {
  const nothing = { livedMs: 0, datagramsSent: 0, datagramsReceived: 0, bytesReceived: 0 }
  log.add({ reason, detail: '', transport: 'unix', remote: {}, ...nothing })
}

/** Reads until so many events of a kind were there, each as `EVENT DATA`. */
async function read(stream: DisconnectStream, count: number): Promise<string[]> {
  const alive = setInterval(() => undefined, 1_000) // the log's timer holds nobody up
  const events: string[] = []
  for await (const [text] of on(stream, 'data') as AsyncIterable<[string]>) {
    const [, event, data] = /^event: (\w+)\n(?:id: \d+\n)?data: (.*)\n\n$/.exec(text) ?? []
    if (event === undefined) continue
    const { reason, count: times } = data!.startsWith('{')
      ? (JSON.parse(data!) as { reason: string; count: number })
      : { reason: data, count: '' }
    events.push(`${event} ${reason} ${times}`)
    if (events.length === count) break
  }
  clearInterval(alive)
  return events
}

const all = { filter: {}, afterSeq: 0, isAllowed: () => true }

await t.test(
  'what is there comes first, then what ends, and again when it counts more',
  async t => {
    const log = new DisconnectLog(limits, { now: () => 0 })
    end(log, 'hello-late')
    const stream = new DisconnectStream(log, all)
    t.ok(stream.start())
    t.same(await read(stream, 1), ['disconnect hello-late 1'])
    end(log, 'frame-type')
    for (let i = 0; i < 9; i++) end(log, 'hello-late')
    t.same(await read(stream, 2), ['disconnect frame-type 1', 'disconnect hello-late 10'])
    stream.finish()
  },
)

await t.test('only what the filter wants comes', async t => {
  const log = new DisconnectLog(limits, { now: () => 0 })
  for (const reason of ['hello-late', 'left-early'] as const) end(log, reason)
  const stream = new DisconnectStream(log, { ...all, filter: { by: 'client' } })
  t.ok(stream.start())
  t.same(await read(stream, 1), ['disconnect left-early 1'])
  stream.finish()
})

await t.test('a viewer that is too slow is told that something is missing', async t => {
  const log = new DisconnectLog(limits, { now: () => 0 })
  for (const reason of ['kicked', 'left', 'frame-type', 'shutdown'] as const) end(log, reason)
  const stream = new DisconnectStream(log, all)
  t.ok(stream.start())
  t.same(
    (await read(stream, 3))[0],
    'disconnect left 1',
    'what was gone when it came it has not missed',
  )
  for (const reason of ['kicked', 'hello-late', 'hello-missing', 'target-unknown'] as const) {
    end(log, reason)
  }
  t.same(await read(stream, 4), [
    'lost some entries gave way to others ',
    'disconnect hello-late 1',
    'disconnect hello-missing 1',
    'disconnect target-unknown 1',
  ])
  stream.finish()
})

await t.test('there is a limit to viewers', async t => {
  const log = new DisconnectLog(limits, { now: () => 0 })
  const streams = Array.from({ length: DISCONNECT_VIEWERS_MAX }, () => {
    const stream = new DisconnectStream(log, all)
    t.ok(stream.start())
    return stream
  })
  t.notOk(new DisconnectStream(log, all).start())
  for (const stream of streams) stream.finish()
})
