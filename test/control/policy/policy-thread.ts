import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { PolicyTasks } from '../../../src/control/policy/policy-tasks.js'
import { PolicyThread } from '../../../src/control/policy/policy-thread.js'
import { loadNative } from '../../../src/native/native.js'
import { revisionOf } from '../../store/fixtures/rules.js'

function threadOf(t: { teardown: (work: () => Promise<void>) => void }): PolicyThread<PolicyTasks> {
  const { format, body } = revisionOf('a')
  const setting = {
    kind: 'changes' as const,
    inForce: { format, body },
    revision: 1,
    lastRuleNumber: 0,
    rulesMax: 10,
  }
  const domains = Array.from({ length: 1_100 }, (_, i) => ({
    name: `d${i + 1}`,
    id: (i + 1) as never,
    tags: [],
  }))
  const thread = new PolicyThread<PolicyTasks>(
    () => setting,
    () => domains,
  )
  t.teardown(() => thread.close())
  return thread
}

const insert = {
  kind: 'insert',
  rule: { action: 'accept', source: '1100:1', destination: '*:*' },
} as const
const options = { now: 0, skipTests: false }
const unreadable = { revision: 2, format: 9, body: Buffer.from('{}') }

void t.test('the thread does what it is asked, and knows all domains', async t => {
  const thread = threadOf(t)
  t.notOk(thread.isBusy)
  t.match(await thread.call('prepare', insert, options), { ok: true, change: { added: 1 } })
  thread.noteDomain('d1100', undefined)
  const refused = thread.call('prepare', insert, options)
  await Promise.resolve()
  t.ok(thread.isBusy)
  t.match(await refused, { ok: false, code: 'EINVAL' })
  thread.noteDomain('back', { name: 'back', id: 1100 as never, tags: [] })
  t.match(await thread.call('prepare', insert, options), { ok: true })
  t.notOk(thread.isBusy)
})

/** Which processors the threads of this process may run on, each once. */
function allowances(): Set<string> {
  const allowed = readdirSync('/proc/self/task').map(thread => {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8')
    return /^Cpus_allowed:.*/m.exec(status)?.[0] ?? ''
  })
  return new Set(allowed)
}

const isLeft = availableParallelism() > 1 && (await loadNative()) !== undefined

void t.test('the thread leaves one processor to others', { skip: !isLeft }, async t => {
  t.equal(allowances().size, 1)
  await threadOf(t).call('prepare', insert, options)
  while (allowances().size === 1) await sleep(10)
  t.equal(allowances().size, 2)
})

void t.test('the end of a thread that has just begun ends nothing else', async t => {
  for (let i = 0; i < 10; i++) {
    const thread = threadOf(t)
    const over = thread.call('prepare', insert, options).catch(() => undefined)
    await sleep(i * 10)
    await thread.close()
    await over
  }
  t.match(await threadOf(t).call('prepare', insert, options), { ok: true })
})

void t.test('what fails in the thread fails for who asked, and the thread goes on', async t => {
  const thread = threadOf(t)
  await t.rejects(thread.call('view', false, unreadable), /can't be read/)
  t.match(await thread.call('view', false), { revision: 1 })
})

void t.test('a thread that ends lets its askers know, and another one follows', async t => {
  const { format, body } = revisionOf('a')
  const setting = { kind: 'changes', revision: 1, lastRuleNumber: 0, rulesMax: 10 } as const
  const bodies = [Buffer.from('damaged'), body]
  const thread = new PolicyThread<PolicyTasks>(
    () => ({ ...setting, inForce: { format, body: bodies.shift()! } }),
    () => [],
  )
  t.teardown(() => thread.close())
  await t.rejects(thread.call('view', false), { name: 'ThreadEnded', message: /can't be read/ })
  t.match(await thread.call('view', false), { revision: 1 })
})

void t.test('what takes too long is given up, and what is asked next is not', async t => {
  const thread = threadOf(t)
  t.match(await thread.callInTime(60_000, 'view', false), { revision: 1 })
  await t.rejects(thread.callInTime(60_000, 'view', false, unreadable), /can't be read/)
  const sides = { source: '*:*', destination: '*:*' } as const
  const rules = Array.from({ length: 10 }, (_, i) => ({ action: 'drop', id: `x${i}`, ...sides }))
  const tests = Array(100_000).fill({ from: 'a:1', to: 'b:1', expect: 'drop' }) as object[]
  const bytes = Buffer.from(JSON.stringify({ rules, tests }))
  const late = thread.callInTime(1, 'prepare', { kind: 'request', bytes }, options)
  t.match(await late, { ok: false, code: 'ETIMEDOUT', message: /longer than 0\.001 s/ })
  t.match(await thread.call('view', false), { revision: 1 })
})

void t.test(
  'the thread takes the body of a request, and whoever asks has it no longer',
  async t => {
    const thread = threadOf(t)
    const bytes = new Uint8Array(Buffer.from('{"rules":[]}'))
    t.match(await thread.call('prepare', { kind: 'request', bytes }, options), { ok: true })
    t.equal(bytes.length, 0)
  },
)

void t.test('a thread that is closed does nothing any more', async t => {
  const thread = threadOf(t)
  thread.noteDomain('d1', undefined)
  await thread.call('view', false)
  const asked = thread.call('view', false)
  await thread.close()
  await t.rejects(asked, { name: 'ThreadEnded' })
  await t.rejects(thread.call('view', false), { name: 'ThreadEnded' })
  thread.noteDomain('d1', undefined)
})
