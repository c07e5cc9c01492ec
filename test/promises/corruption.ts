import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkState } from '../../src/control/state/check-state.js'
import { repairState } from '../../src/control/state/repair-state.js'
import { isFirstStart } from '../../src/first-start.js'
import { mergeDocuments } from '../../src/policy/document.js'
import { BODY_FORMAT, encodePolicy } from '../../src/store/policy-body.js'
import { hashOf } from '../../src/store/revision-store.js'
import { DATABASE_FILE, openStore, type Store } from '../../src/store/store.js'
import { StoreError } from '../../src/store/store-error.js'
import { servicesOver, TestClient } from '../control/fixtures/build-app.js'
import { Prng, seedOf } from '../fixtures/prng.js'
import { stateDir } from '../fixtures/state-dir.js'
import { testRandom } from '../store/fixtures/open-test-store.js'
import { damage } from './fixtures/damage.js'

// A state folder is damaged at random, and then started with. Whatever is left of it may admit only
// what some revision that was really made admits, with the sets, tags, grants and audit modes that
// really were; or it does not start, with one line that says why. A repair makes a folder of it that
// starts, under the same condition.
//
// V4V_CORRUPTIONS says how often: 40 times unless told, 10000 for the full count.

const CORRUPTIONS = Number(process.env['V4V_CORRUPTIONS'] ?? 40)
const NOW = 1_800_000_000_000
const HOUR_MS = 3_600_000

t.setTimeout(0)
const clock = { now: () => NOW }
const options = { ...clock, ...testRandom }
const seed = seedOf()
t.comment(`V4V_SEED=${seed}`)

/** Folders of one round are removed at its end. */
const undos: (() => unknown)[] = []

const names = ['web', 'db', 'eve', 'j'] as const
const ports = [1, 2, 3, 4]
const policies = [
  'rules:\n  - { id: a, accept: "web:* -> db:1" }',
  'sets: { guests: [] }\nrules:\n  - { id: a, accept: "web:* -> db:1" }\n  - { id: g, accept: "@guests:* -> db:2" }',
  `sets: { guests: [] }
rules:
  - { id: a, accept: "web:* -> db:1" }
  - { id: g, accept: "@guests:* -> db:2" }
  - { id: t, accept: "tag:app:* -> tag:store:3" }
  - { id: k, ask: "*:* -> db:4" }`,
]
/** What the last of them admits with everything around it, as `source destination port`. */
const admitted = new Set([1, 2, 3, 4].map(port => `web db ${port}`))
// The domain j is in audit mode.
for (const name of names) {
  for (const port of ports) admitted.add(`j ${name} ${port}`).add(`${name} j ${port}`)
}

interface Base {
  readonly dir: string
  readonly hasLog: boolean
  /** Of whom each token is that is valid, and '' for those that let nobody in. */
  readonly tokens: ReadonlyMap<string, string>
}

function fill(store: Store, before: Map<string, string>): Map<string, string> {
  const tokens = new Map<string, string>()
  const keep = (issued: ReturnType<Store['tokens']['issueAdmin']>, owner: string): void => {
    if (!issued.ok) throw new Error(issued.message)
    tokens.set(issued.text, owner)
  }
  for (const [index, text] of policies.entries()) {
    const documents = [{ name: 'a.yaml', text }]
    const read = mergeDocuments(documents)
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const body = encodePolicy({ ...read, documents })
    const { length } = read.rules
    const revision = { author: 'token:1', reason: 'a test', format: BODY_FORMAT, rules: length }
    store.transaction(() => {
      const after = store.policies.append({ ...revision, body, hash: hashOf(body) })
      const deed = {
        actor: 'token:1',
        auth: 'token',
        origin: '::1',
        action: 'policy.replace',
      } as const
      store.audit.append({ ...deed, target: '', revisionBefore: index, revisionAfter: after })
    })
    // As a daemon does after its first start.
    if (index === 0) store.checkpoint()
  }
  keep(store.tokens.issueAdmin('root'), 'root')
  keep(store.tokens.issueAdmin('viewer'), 'viewer')
  const tags = { web: ['app'], db: ['store'], eve: ['apq'], j: [] }
  for (const name of names) {
    store.domains.add(name, tags[name])
    for (const isValid of [true, false]) {
      const issued = store.tokens.issue(name, { label: `of ${name}` })
      if (!issued.ok) throw new Error(issued.message)
      tokens.set(issued.text, isValid && name !== 'eve' ? name : '')
      before.set(issued.text, name)
      if (!isValid) store.tokens.revoke(issued.token.id)
    }
  }
  store.domains.patch('eve', { enabled: false })
  store.sets.put('guests', 'web', undefined, 'token:1')
  store.grants.put(
    1,
    { source: 'web', sourcePort: undefined, destination: 'db', port: 4, type: 0 },
    HOUR_MS,
    'token:1',
  )
  store.auditModes.set('j', true)
  for (let i = 0; i < 40; i++) {
    store.audit.append({ actor: 'token:1', action: 'domain.patch', target: `d${i}`, reason: 'why' })
  }
  return tokens
}

/** The same state in a file that was closed, and in one whose daemon was killed. */
function makeBase(hasLog: boolean): Base {
  const work = stateDir(t)
  const path = join(work, DATABASE_FILE)
  const store = openStore(path, options)
  const before = new Map<string, string>()
  const tokens = fill(store, before)
  const dir = stateDir(t)
  if (!hasLog) store.close()
  // A log that is cut short is as it was before: what was taken from somebody later is theirs again.
  else for (const [text, owner] of tokens) if (owner === '') tokens.set(text, before.get(text)!)
  for (const ending of hasLog ? ['', '-wal'] : ['']) {
    copyFileSync(path + ending, join(dir, DATABASE_FILE + ending))
  }
  store.close()
  return { dir, hasLog, tokens }
}

function reset(from: string, to: string): void {
  for (const ending of ['', '-wal', '-shm', '.v4', '.new']) {
    rmSync(join(to, DATABASE_FILE + ending), { force: true })
    const source = join(from, DATABASE_FILE + ending)
    if (existsSync(source)) copyFileSync(source, join(to, DATABASE_FILE + ending))
  }
}

/** Starts with a folder as a daemon does. @returns what is wrong with what it then lets happen. */
async function wrongAfterStart(dir: string, tokens: Base['tokens']): Promise<string[]> {
  const store = openStore(join(dir, DATABASE_FILE), options)
  const wrong: string[] = []
  try {
    if (isFirstStart(store))
      return ['it begins anew, with the policy and the token of a first start']
    const { hypervisor, services } = servicesOver(store, { clock })
    const { revision } = hypervisor.policy
    services.tally.restore()
    services.disconnectHistory.restore()
    const known = names.filter(name => hypervisor.domainNamed(name) !== undefined)
    const clients = known.map(name => [name, new TestClient(hypervisor, name)] as const)
    for (const [, client] of clients) for (const port of ports) client.bind(port)
    for (const [from, client] of clients) {
      for (const to of known) {
        for (const port of ports) {
          if (!client.send(1, to, port).ok) continue
          const flow = `${from} ${to} ${port}`
          if (!admitted.has(flow)) wrong.push(`admits ${flow} under revision ${revision}`)
        }
      }
    }
    for (const [text, owner] of tokens) {
      const domain = store.tokens.authenticate(text)
      const admin = store.tokens.authenticateAdmin(text)
      const as = domain.ok ? domain.domain.name : admin.ok ? admin.role : undefined
      if (as !== undefined && as !== owner) wrong.push(`lets ${owner || 'nobody'} in as ${as}`)
    }
    store.audit.verify()
    services.tally.saveNow()
    services.health()
    await services.close()
  } finally {
    store.close()
  }
  return wrong
}

/** What happened, in a word; adds to `failures` what must not. */
async function tried(base: Base, dir: string, failures: string[], what: string): Promise<string> {
  const fail = (text: string): void => void failures.push(`${what}: ${text}`)
  let outcome = 'started'
  try {
    const { status, findings } = checkState(dir)
    try {
      for (const text of await wrongAfterStart(dir, base.tokens)) fail(text)
      if (status === 'broken') fail(`it starts, and was found broken: ${JSON.stringify(findings)}`)
    } catch (error) {
      if (!(error instanceof StoreError) || error.message.includes('\n')) throw error
      outcome = `refused: ${error.failure}`
      const isMissing = !existsSync(join(dir, DATABASE_FILE))
      if (status !== 'broken' && !isMissing) fail(`not found broken: ${error.message}`)
    }
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return outcome
}

await t.test('as it is, it admits what it should, and a repair leaves it alone', async t => {
  for (const hasLog of [false, true]) {
    const base = makeBase(hasLog)
    t.same(checkState(base.dir).status, 'ok')
    t.match(repairState(base.dir, '', false), { isNeeded: false, copy: null })
    t.same(await wrongAfterStart(base.dir, base.tokens), [])
  }
})

await t.test('whatever is damaged, nothing is admitted that never was', async t => {
  const random = new Prng(seed)
  const bases = [makeBase(false), makeBase(true)]
  const failures: string[] = []
  const outcomes: Record<string, number> = {}
  const count = (outcome: string): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  for (let i = 0; i < CORRUPTIONS && failures.length < 20; i++) {
    const base = random.pick(bases)
    const dir = stateDir({ teardown: undo => undos.push(undo) })
    reset(base.dir, dir)
    const harm = Array.from({ length: 1 + random.below(2) }, () => {
      const path = join(dir, DATABASE_FILE)
      return existsSync(path) ? damage(path, random) : ''
    })
    const what = `${i} (${base.hasLog ? 'killed' : 'closed'}): ${harm.join('; ')}`
    const damaged = stateDir({ teardown: undo => undos.push(undo) })
    reset(dir, damaged)
    count(await tried(base, dir, failures, what))
    try {
      if (
        existsSync(join(damaged, DATABASE_FILE)) ||
        existsSync(join(damaged, `${DATABASE_FILE}-wal`))
      ) {
        const repair = repairState(damaged, 'a test', false)
        count(repair.good === 0 ? 'repaired: all rejected' : repair.isNeeded ? 'repaired' : 'well')
        const after = checkState(damaged)
        const rest = after.findings.filter(
          ({ name, status }) => status !== 'ok' && name !== 'audit',
        )
        if (rest.length > 0) failures.push(`${what}: after the repair: ${JSON.stringify(rest)}`)
        const wrong = await wrongAfterStart(damaged, base.tokens)
        failures.push(...wrong.map(text => `${what}: after the repair: ${text}`))
      }
    } catch (error) {
      failures.push(`${what}: repair: ${(error as Error).stack}`)
    }
    for (const undo of undos.splice(0)) undo()
  }
  t.comment(JSON.stringify(outcomes))
  t.same(failures, [])
})
