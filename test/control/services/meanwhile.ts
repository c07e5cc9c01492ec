import t from 'tap'
import type { PolicyTasks } from '../../../src/control/policy/policy-tasks.js'
import { PolicyThread, ThreadEnded } from '../../../src/control/policy/policy-thread.js'
import { buildTestApp, type Answer, type TestApp } from '../fixtures/build-app.js'

const text = `rules:
  # the web tier
  - id: web
    accept: web:* -> db:5432
  - id: logs
    accept: '*:* -> logs:514'
`

/** Puts a file in force that was made for a revision. */
function put(call: TestApp['call'], file: string, base?: number): Promise<Answer> {
  const headers: Record<string, string> = base === undefined ? {} : { 'if-match': `"${base}"` }
  const documents = [{ name: '10-web.yaml', text: file }]
  return call('PUT', '/v1/policy', { documents }, { headers })
}

await t.test('who comes too late is told what others did, and what fits it not', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  await put(call, text)
  const patch = { source: 'web1:*', reason: 'only one web' }
  await call('PATCH', '/v1/rules/web', patch)
  await call('POST', '/v1/rules', {
    id: 'first',
    action: 'drop',
    source: '*:*',
    destination: 'db:1',
    position: 1,
    reason: 'ticket 7',
  })
  const late = await put(call, text.replace('db:5432', 'db:5433').replace('514', '515'), 1)
  t.equal(late.status, 412)
  t.match(late.body, {
    code: 'ESTALE',
    message:
      'the policy is at revision 3, no longer at 1: others changed 2 things since, and you change 2 things, with 1 conflict',
    details: [{ message: /^revision 3 by token:1: ticket 7$/ }, { message: /only one web$/ }],
    comparison: {
      base: 1,
      current: 3,
      revisions: [
        { revision: 3, author: 'token:1', reason: 'ticket 7' },
        { revision: 2, author: 'token:1', reason: 'only one web' },
      ],
      theirs: {
        total: 2,
        listed: [
          { part: 'rule', kind: 'added', id: 'first', position: 1, revision: 3 },
          {
            kind: 'changed',
            id: 'web',
            before: 'accept web:* -> db:5432',
            after: 'accept web1:* -> db:5432',
            revision: 2,
          },
        ],
      },
      yours: {
        total: 2,
        listed: [
          { id: 'web', place: { file: '10-web.yaml', line: 3 } },
          { id: 'logs', place: { file: '10-web.yaml', line: 5 } },
        ],
      },
      conflicts: {
        total: 1,
        listed: [
          {
            part: 'rule',
            id: 'web',
            theirs: [{ kind: 'changed', after: 'accept web1:* -> db:5432' }],
            yours: [{ after: 'accept web:* -> db:5433', place: { line: 3 } }],
          },
        ],
      },
      isClean: false,
      problem: null,
    },
  })
  const fitting = await put(call, text.replace('514', '515'), 1)
  t.match(fitting.body.message, /you change 1 thing, without a conflict$/)
  t.match(fitting.body['comparison'], { conflicts: { total: 0 }, isClean: true })
  t.strictSame([hypervisor.policy.revision, store.policies.currentRevision()], [3, 3])
  t.equal((await put(call, text, 3)).body.revision, 4, 'for the one in force nothing is compared')
})

await t.test('also for a revision in the body, an edit of one rule and a rollback', async t => {
  const { call } = buildTestApp(t)
  await put(call, text)
  await call('DELETE', '/v1/rules/web')
  const documents = [{ name: '10-web.yaml', text: text.replace('514', '515') }]
  const byBody = await call('PUT', '/v1/policy', { documents, revision: 1 })
  t.match(byBody, { status: 412, body: { comparison: { isClean: true } } })
  const headers = { 'if-match': '"1"' }
  const patched = await call('PATCH', '/v1/rules/web', { action: 'drop' }, { headers })
  t.match(patched, {
    status: 412,
    body: {
      comparison: {
        theirs: { listed: [{ kind: 'removed', id: 'web', revision: 2 }] },
        yours: { listed: [{ kind: 'changed', id: 'web' }] },
        conflicts: { listed: [{ part: 'rule', id: 'web' }] },
      },
    },
  })
  const unknown = await call('DELETE', '/v1/rules/nothing', undefined, { headers })
  t.match(unknown.body['comparison'], {
    theirs: { total: 1 },
    yours: null,
    conflicts: null,
    isClean: false,
    problem: /no rule "nothing"/,
  })
  const back = await call('POST', '/v1/policy/rollback', { revision: 0 }, { headers })
  t.match(back.body['comparison'], { yours: { total: 2 }, isClean: true })
  t.equal((await call('DELETE', '/v1/rules/logs')).status, 200, 'the thread goes on')
})

await t.test(
  'against a revision that is not kept, or not there, it is compared two ways',
  async t => {
    const { call, store } = buildTestApp(t)
    await put(call, text)
    await call('DELETE', '/v1/rules/web')
    const future = await put(call, text, 9)
    t.match(future.body.message, /at revision 2, not yet at 9: there is no revision 9 yet$/)
    t.match(future.body['comparison'], {
      theirs: null,
      conflicts: null,
      yours: { total: 1, listed: [{ kind: 'added', id: 'web' }] },
    })
    t.match((await put(call, 'rules: nothing', 9)).body['comparison'], {
      theirs: null,
      yours: null,
    })
    const kept = store.policies.get(2)!
    const next = { ...kept, hash: Buffer.from(kept.hash, 'hex') }
    // The oldest make way when there are two hundred.
    store.transaction(() => {
      for (let i = 0; i < 200; i++) store.policies.append(next)
    })
    t.match((await put(call, text, 1)).body, {
      message: /no longer at 1: revision 1 is not kept any more$/,
      comparison: { theirs: null, yours: { total: 1 }, isClean: false },
    })
  },
)

await t.test('both are put in force together, when that is asked for and they fit', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  const merge = async (file: string, base: number): Promise<Answer> => {
    const documents = [{ name: '10-web.yaml', text: file }]
    const headers = { 'if-match': `"${base}"` }
    return call('PUT', '/v1/policy?stale=merge', { documents, revision: base }, { headers })
  }
  await put(call, text)
  await call('PATCH', '/v1/rules/web', { source: 'web1:*' })
  const conflict = await merge(text.replace('db:5432', 'db:1'), 1)
  t.match(conflict, {
    status: 412,
    body: {
      message: /^this can't be had .* since revision 1: there is 1 conflict$/,
      comparison: { conflicts: { total: 1 }, yours: { total: 1 } },
    },
  })
  t.match((await merge(text, 7)).body, { message: /there is no revision 7 yet$/ })
  t.equal((await merge('rules: nothing', 1)).status, 400)
  const tested = `${text}tests: [{ from: web:1, to: db:5432, expect: accept }]\n`
  const failing = await merge(tested, 1)
  t.match(failing, { status: 400, body: { message: /1 of the 1 tests .* fails/ } })
  t.equal(hypervisor.policy.revision, 2)

  const mine = text.replace('514', '515').replace('the web tier', 'my web tier')
  const merged = await merge(mine, 1)
  t.match(merged, { status: 200, body: { revision: 3, changed: 1, mergedFrom: 1 } })
  const { body } = await call('GET', '/v1/policy?form=documents')
  const both = mine.replace('web:*', 'web1:*')
  t.strictSame(body['documents'], [{ name: '10-web.yaml', text: both }])
  t.match(store.audit.list(1)[0], { detail: { rules: 2, mergedFrom: 1 } })
  const again = await merge(both, 3)
  t.notOk('mergedFrom' in again.body, 'for the one in force there is nothing to merge')
  const baseless = await call('PUT', '/v1/policy?stale=merge', { rules: [] })
  t.match(baseless, { status: 400, body: { message: /goes with If-Match/ } })
  const byRules = {
    rules: [{ id: 'logs', action: 'drop', source: '*:*', destination: 'logs:514' }],
  }
  const headers = { 'if-match': '"2"' }
  const without = await call('PUT', '/v1/policy?stale=merge', byRules, { headers })
  t.match(without, { status: 412, body: { comparison: { conflicts: { total: 1 } } } })
})

await t.test('when the thread is lost on the way, it is refused all the same', async t => {
  const { call } = buildTestApp(t)
  await put(call, text)
  const { prototype } = PolicyThread
  const ask = Reflect.get(prototype, 'call') as (...params: unknown[]) => Promise<unknown>
  t.teardown(() => Reflect.set(prototype, 'call', ask))
  const lose = function (this: PolicyThread<PolicyTasks>, ...params: unknown[]): Promise<unknown> {
    if (params[0] === 'compare') return Promise.reject(new ThreadEnded('it ended'))
    return Reflect.apply(ask, this, params)
  }
  Reflect.set(prototype, 'call', lose)
  const late = await put(call, text, 0)
  t.match(late, { status: 412, body: { details: [{ message: /^revision 1 by/ }] } })
  t.notOk('comparison' in late.body)
})
