import { join } from 'node:path'
import t from 'tap'
import { defaultLimits } from '../../../src/abi/limits.js'
import { DisconnectLog } from '../../../src/control/disconnect-log.js'
import { DISCONNECT_AGE_MS_MAX } from '../../../src/control/services/disconnect-history.js'
import type { EndRecord } from '../../../src/hypervisor/session-end.js'
import { buildTestApp, type TestApp } from '../fixtures/build-app.js'

const counts = { livedMs: 5, datagramsSent: 1, datagramsReceived: 2, bytesReceived: 64 }
const base: EndRecord = { reason: 'left', detail: '', transport: 'unix', remote: {}, ...counts }
const web = { name: 'web', id: 1 }

interface Run extends TestApp {
  readonly log: DisconnectLog
  /** What REST tells. */
  readonly list: () => Promise<unknown>
}

/** A daemon's control side over the state that the one before left, at a time. */
function run(t: Parameters<typeof buildTestApp>[0], path: string, at: { ms: number }): Run {
  const clock = { now: () => at.ms }
  const log = new DisconnectLog(defaultLimits, clock)
  const app = buildTestApp(t, { path, disconnects: log, clock })
  app.services.disconnectHistory.restore()
  const list = async (): Promise<unknown> => {
    const { text } = await app.call('GET', '/v1/disconnects')
    return (JSON.parse(text) as { disconnects: unknown }).disconnects
  }
  return { ...app, log, list }
}

void t.test('how sessions ended is the same after a restart, and goes on from there', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const at = { ms: 1_800_000_000_000 }
  let before: unknown
  await t.test('first run', async t => {
    const { log, services, store, list } = run(t, path, at)
    const remote = { pid: 7, uid: 8, comm: 'cat', address: '10.0.0.1:1' }
    const more = { limit: 2, used: 3, session: 4, tokenId: 5, agent: 'n\u0000\ud800', remote }
    log.add({ ...base, ...more, domain: web })
    log.add({ ...base, reason: 'token-unknown', transport: 'websocket' })
    await services.disconnectHistory.save()
    t.equal(store.disconnects.load().length, 2)
    at.ms += 1
    log.add({ ...base, ...more, domain: web })
    services.disconnectHistory.saveNow()
    t.strictSame(
      store.disconnects.load().map(({ seq }) => seq),
      [2, 3],
      'one that counts more is there once',
    )
    const { commits } = store
    await services.disconnectHistory.save()
    t.equal(store.commits, commits, 'what has not changed is not written')
    before = await list()
    t.match(before, [{ count: 1 }, { count: 2, limit: 2, pid: 7, agent: 'n\u0000\ud800' }])
  })
  await t.test('second run', async t => {
    const { log, services, store, list } = run(t, path, at)
    t.strictSame(await list(), before)
    at.ms += defaultLimits.disconnectWindowMs
    log.add({ ...base, domain: web })
    t.match(log.recent(1), [{ seq: 4, count: 3 }], 'who comes back in a loop is still one')
    at.ms += DISCONNECT_AGE_MS_MAX
    await services.disconnectHistory.save()
    t.match(await list(), [{ seq: 4 }], 'in the end what is old is forgotten')
    t.match(store.disconnects.load(), [{ seq: 4 }])
  })
})

void t.test('what is damaged is passed over, and gone with the next save', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const at = { ms: 1_800_000_000_000 }
  await t.test('first run', t => {
    const { log, services, store } = run(t, path, at)
    log.add({ ...base, domain: web })
    services.disconnectHistory.saveNow()
    const [{ body } = { body: '' }] = store.disconnects.load()
    const bodies = ['', '{}', '[1]', body.replace('"left"', '"because"'), body.slice(0, -1)]
    const rows = bodies.map((text, i) => ({ seq: 10 + i, body: text }))
    store.disconnects.save([...rows, { seq: 2 ** 53 - 1, body }], [])
    t.end()
  })
  await t.test('second run', async t => {
    const { log, services, store } = run(t, path, at)
    t.match(log.recent(), [{ seq: 1 }])
    t.equal(log.recent().length, 1)
    await services.disconnectHistory.save()
    t.match(store.disconnects.load(), [{ seq: 1 }])
    t.equal(store.disconnects.load().length, 1)
  })
})

void t.test('thousands are saved in parts, and the store keeps no more than the log', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const { log, services, store } = run(t, path, { ms: 1 })
  const end = (from: number, to: number): void => {
    for (let id = from; id < to; id++) log.add({ ...base, domain: { name: `d${id}`, id } })
  }
  end(0, 350)
  const saving = services.disconnectHistory.save()
  t.equal(store.disconnects.load().length, 100)
  await services.disconnectHistory.save()
  end(350, defaultLimits.disconnectsMax + 50)
  await saving
  services.disconnectHistory.saveNow()
  t.equal(store.disconnects.load().length, defaultLimits.disconnectsMax)
  t.equal(store.disconnects.load()[0]?.seq, 51)
})

void t.test('a store that fails is told once, and nothing is lost by it', t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const { log, services, store, logged } = run(t, path, { ms: 1 })
  log.add({ ...base, domain: web })
  const save = store.disconnects.save.bind(store.disconnects)
  store.disconnects.save = () => {
    throw new Error('no space')
  }
  services.disconnectHistory.saveNow()
  services.disconnectHistory.saveNow()
  t.match(logged, [{ message: 'how sessions ended could not be saved' }])
  t.equal(logged.length, 1)
  store.disconnects.save = save
  services.disconnectHistory.saveNow()
  t.equal(store.disconnects.load().length, 1)
  t.end()
})
