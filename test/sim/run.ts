import t from 'tap'
import { PORT_ANY } from '../../src/abi/addr.js'
import { payload, random } from '../hypervisor/fixtures/machine.js'
import { NAMES, World, type Flow, type SessionPair } from './fixtures/world.js'

/**
 * Random lives of a hypervisor, held against the model after every step. Every life follows from
 * one number, which is printed when it fails:
 *
 *     V4V_SIM_SEED=123 node dist/test/sim/run.js
 *
 * lives that one again, and V4V_SIM_COUNT lives as many from there on.
 */
const seedGiven = process.env['V4V_SIM_SEED']
const firstSeed = Number(seedGiven ?? 1)
const count = Number(process.env['V4V_SIM_COUNT'] ?? (seedGiven === undefined ? 3000 : 1))
const STEPS_MAX = 80

const POLICIES = [
  ['accept *:* -> *:*'],
  ['accept *:* -> *:*'],
  ['reject a:* -> *:2', 'accept *:* -> *:*'],
  ['drop b:* -> *:1', 'accept tag:x:* -> *:*', 'accept *:* -> tag:x:*'],
  ['accept *:1 -> *:* type dgram replies', 'accept c:* -> d:*', 'accept d:* -> c:*'],
  [],
]
const TAGS = [[], ['x'], ['y'], ['x', 'y']]

/** One life. @returns what was done, step by step, up to where it failed. */
function live(seed: number): { steps: string[]; error: unknown } {
  const below = random(seed)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const steps: string[] = []
  const isCrowded = below(3) === 0 // then everyone sends to one ring, so that it is fought for
  const world = new World(isCrowded ? POLICIES[0]! : pick(POLICIES))
  const lengths = isCrowded ? [48, 96, 160] : [48, 64, 96, 160, 256]

  const port = (): number => (isCrowded ? 1 : pick([1, 1, 2, 3]))
  const name = (): string => (isCrowded && below(4) > 0 ? NAMES[0]! : pick(NAMES))
  const message = (): Uint8Array =>
    payload(pick([0, 1, 15, 16, 17, 32, 40, 64, 100, 200]), below(256))
  const flow = (session: SessionPair): Flow => {
    const bound = [...session.real.ports.keys()]
    const from = bound.length > 0 && below(10) > 0 ? pick(bound) : pick([1, 2, 9])
    return { from, name: name(), port: port(), type: below(5) === 0 ? 'stream' : 'dgram' }
  }
  const step = (): string => {
    const dice = below(100)
    const session = pick(world.sessions)
    const domain = pick(world.domains)
    const ring = pick(world.rings)
    if (domain === undefined || dice < 2) {
      const free = NAMES.filter(each => !world.domains.some(({ model }) => model.name === each))
      if (free.length === 0) return 'no name is free'
      const made = world.createDomain(pick(free), pick(TAGS))
      return `create ${made.model.name}`
    }
    if (dice < 3) {
      world.destroyDomain(domain)
      return `destroy ${domain.model.name}`
    }
    if (session === undefined || dice < 10) {
      world.openSession(domain)
      return `open ${domain.model.name}`
    }
    const who = session.model.domain.name
    if (dice < 12) {
      world.endSession(session)
      return `end ${who}`
    }
    if (dice < 28 || ring === undefined) {
      const length = below(12) === 0 ? pick([32, 40]) : pick(lengths)
      const partner = below(4) === 0 ? below(6) + 1 : undefined
      const wanted = below(12) === 0 ? pick([0, PORT_ANY]) : port()
      world.register(session, wanted, length, partner, below(8) === 0)
      return `register ${who}:${wanted} ${length} for ${partner ?? 'all'}`
    }
    const whose = `${ring.model.owner.domain.name}:${ring.model.port}`
    if (dice < 31) {
      world.unregister(ring)
      return `unregister ${whose}`
    }
    if (dice < 56) {
      const messages = Array.from({ length: below(4) + 1 }, message)
      const to = flow(session)
      const retry = below(2) === 0
      const results = world.sendRun(session, to, messages, retry)
      const sizes = messages.map(data => data.length).join(' ')
      return `${who}:${to.from} sends ${to.name}:${to.port} ${sizes} (${retry}): ${results.join(' ')}`
    }
    if (dice < 66) {
      const iovs = Array.from({ length: below(4) }, message)
      const to = flow(session)
      return `${who}:${to.from} sends ${to.name}:${to.port} by itself: ${world.sendv(session, to, iovs)}`
    }
    if (dice < 88) {
      const slots = pick([0, 1, 2, 3, 100])
      world.consume(ring, slots)
      return `consume ${slots} of ${whose}`
    }
    if (dice < 95) {
      const queries = Array.from({ length: below(3) }, () => ({
        name: name(),
        port: port(),
        spaceRequired: pick([0, 16, 17, 60, 500, 0xffffffff]),
        wantRing: below(2) === 0,
      }))
      const from = pick([1, 2])
      world.notify(session, from, queries)
      return `notify ${who}:${from} ${JSON.stringify(queries)}`
    }
    if (dice < 97) {
      const tags = pick(TAGS)
      world.setTags(domain, tags)
      return `tags of ${domain.model.name}: ${tags.join(' ')}`
    }
    const policy = pick(POLICIES)
    world.setPolicy(policy)
    return `policy ${policy.join('; ')}`
  }

  try {
    const isLong = below(20) === 0
    const length = isLong ? STEPS_MAX * 5 : 20 + below(STEPS_MAX)
    for (let i = 0; i < length; i++) steps.push(step())
    world.close()
  } catch (error) {
    return { steps, error }
  }
  return { steps, error: undefined }
}

t.setTimeout(120_000)

await t.test(`${count} random lives are those of the model`, async t => {
  const seen = new Set<string>()
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const { steps, error } = live(seed)
    for (const step of steps)
      for (const word of step.match(/\bE[A-Z]{4,}\b|\bok\b/g) ?? []) seen.add(word)
    if (error !== undefined) {
      const text = error instanceof Error ? error.stack : 'not an error'
      t.fail(`seed ${seed}, after step ${steps.length}`, { steps: steps.slice(-30), text })
      return
    }
  }
  t.pass(`seeds ${firstSeed} to ${firstSeed + count - 1}`)
  if (count < 1000) return
  const outcomes = [
    'EADDRNOTAVAIL',
    'EAGAIN',
    'EBUSY',
    'ECONNREFUSED',
    'EDQUOT',
    'EMSGSIZE',
    'EPERM',
    'ESRCH',
    'ok',
  ]
  t.strictSame([...seen].toSorted(), outcomes, 'every outcome was among them')
})
