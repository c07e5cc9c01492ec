import { readFileSync } from 'node:fs'
import t from 'tap'
import { loadNative } from '../../src/native/native.js'
import { connect } from '../../src/sdk/index.js'
import { spawnDaemon, until } from '../fixtures/daemon.js'
import { seedOf } from '../fixtures/prng.js'
import { ROGUE_WAYS, runRogue } from '../fixtures/rogue-process.js'
import { SteadyFlow } from '../fixtures/steady-flow.js'

// Clients that write garbage all over the memory they share with the daemon, also while it reads
// there. Only they come to an end by that. V4V_FUZZ_SECONDS has them go on for so long, with other
// seeds each time (beyond three minutes V4V_TEST_TIMEOUT_MS has to be more, too).

const SESSIONS = 12
const SECONDS = Number(process.env['V4V_FUZZ_SECONDS'] ?? 0)

t.setTimeout(230_000 + SECONDS * 1_000)
const seed = seedOf()
t.comment(`V4V_SEED=${seed}`)
const skip = (await loadNative()) === undefined ? 'no memory can be shared here' : false
const daemon = await spawnDaemon(t)
await daemon.addDomains('rogue', 'web', 'db', 'open')
await daemon.admin.addRule('accept', '*:*', '*:*')

/** Segments that the daemon has mapped. */
function segments(): number {
  const maps = readFileSync(`/proc/${daemon.child.pid}/maps`, 'utf8')
  return maps.split('\n').filter(line => line.includes('/memfd:v4v')).length
}

await t.test('who writes garbage to shared memory harms only itself', { skip }, async t => {
  const flow = await SteadyFlow.start(daemon, 'web', 'db')
  const open = await connect({ ...daemon.as('open'), sharedMemory: 'require' })
  const ring = await open.bind(9)
  const peer = (await daemon.admin.domains()).find(({ name }) => name === 'open')!.id
  const sources = new Set<string>()
  let received = 0
  const reading = (async () => {
    for await (const { source, data } of ring) {
      sources.add(source.domain)
      if (data.length > 1024) throw new Error(`${data.length} bytes came, and nobody sent so many`)
      received++
    }
  })()
  const options = { path: daemon.domainSocket('rogue'), ways: ROGUE_WAYS, sessions: SESSIONS, seed }
  const endsMs = performance.now() + SECONDS * 1_000
  let sessions = 0
  do {
    const { ended, cut } = await runRogue({ ...options, seed: seed + sessions, peer, port: 9 })
    for (const way of ROGUE_WAYS) t.equal(ended[way], SESSIONS, `all of ${way} ended`)
    t.same(cut, ['EPERM'], 'the file can not be cut')
    sessions += SESSIONS // each session has a seed of its own
  } while (performance.now() < endsMs)

  await until(
    () => received,
    count => count > 0,
  )
  t.comment(`${received} of what it sent on the way were in order`)
  t.same([...sources], ['rogue'], 'and from nobody else')
  await ring.close()
  await reading
  await open.close()
  await flow.end()
  t.equal(flow.problem, undefined)
  t.equal(flow.arrived, flow.sent)
  t.ok(flow.sent > 0, `${flow.sent} datagrams went on beside`)
})

await t.test('after all of that nothing is left of it', { skip }, async t => {
  const left = await until(
    async () => ({ sessions: (await daemon.admin.sessions()).length, segments: segments() }),
    seen => seen.sessions === 0 && seen.segments === 0,
  )
  t.same(left, { sessions: 0, segments: 0 })
  const stats = await daemon.admin.stats()
  t.equal(stats.ringBytes, 0)
})
