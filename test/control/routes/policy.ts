import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { PolicyTasks } from '../../../src/control/policy/policy-tasks.js'
import { PolicyThread } from '../../../src/control/policy/policy-thread.js'
import { StoreError } from '../../../src/store/store-error.js'
import { buildTestApp, TestClient, type Answer } from '../fixtures/build-app.js'

const rules = [
  { action: 'accept', source: 'web:*', destination: 'db:5432', comment: 'app' },
  { id: 'mine', action: 'drop', source: '*:*', destination: '*:*' },
]

void t.test('the whole policy is taken, given out, and taken back unchanged', async t => {
  const { call, hypervisor, store } = buildTestApp(t)
  t.strictSame((await call('GET', '/v1/policy')).body, {
    revision: 0,
    rules: [],
    sets: {},
    tags: {},
    tests: [],
  })
  const put = await call('PUT', '/v1/policy', { rules, reason: 'first' })
  t.strictSame(put.body, {
    revision: 1,
    rules: 2,
    added: 2,
    changed: 0,
    removed: 0,
    deadline: null,
    unchanged: false,
  })
  t.equal(put.headers['etag'], '"1"')
  const got = await call('GET', '/v1/policy')
  t.equal(got.headers['etag'], '"1"')
  t.match(got.body, {
    revision: 1,
    rules: [
      { ...rules[0], id: 'accept-web-db.5432', type: 'any', replies: false },
      { ...rules[1], comment: '' },
    ],
  })
  const again = await call('PUT', '/v1/policy', got.body)
  t.strictSame(again.body, { ...put.body, added: 0, unchanged: true })
  t.equal(again.headers['etag'], '"1"')
  t.strictSame((await call('GET', '/v1/policy')).body, got.body)
  t.equal(hypervisor.policy.revision, 1)
  t.equal(store.policies.currentRevision(), 1)
  t.match(store.audit.list(2)[0], { reason: 'first', revisionAfter: 1 })
})

void t.test('what changes nothing makes no revision, what changes anything makes one', async t => {
  const { call, store, logged } = buildTestApp(t)
  const text = 'sets: { s: [a] }\nrules:\n  - id: one\n    accept: a:* -> b:1\n'
  const tested = 'tests: [{ from: a:1, to: b:1, expect: accept }]\n'
  const put = (documents: string, query = '') =>
    call('PUT', `/v1/policy${query}`, { documents: [{ name: 'a.yaml', text: documents }] })
  const steps: readonly [what: string, isChange: boolean, () => ReturnType<typeof call>][] = [
    ['the first', true, () => put(text)],
    ['the same', false, () => put(text)],
    ['the same, to be confirmed', false, () => put(text, '?confirm=30s')],
    ['a comment', true, () => put(`${text}# why\n`)],
    ['a test', true, () => put(text + tested)],
    ['an element', true, () => put(text.replace('[a]', '[a, b]') + tested)],
    ['a rule as it is', false, () => call('PATCH', '/v1/rules/one', { source: 'a:*' })],
    ['a rule where it is', false, () => call('PATCH', '/v1/rules/one', { position: 1 })],
    ['back to what is in force', false, () => call('POST', '/v1/policy/rollback', { revision: 4 })],
    ['a rule', true, () => call('PATCH', '/v1/rules/one', { source: '*:*' })],
    ['all rules', true, () => call('PUT', '/v1/policy', { rules: [] })],
    ['no rules again', false, () => call('PUT', '/v1/policy', { rules: [] })],
  ]
  let revision = 0
  for (const [what, isChange, work] of steps) {
    if (isChange) revision++
    const answer = await work()
    t.match(answer, { status: 200, body: { revision } }, what)
    t.equal(store.policies.currentRevision(), revision, what)
  }
  t.equal(store.audit.list(50).length, revision)
  t.equal(store.policies.unconfirmed(), undefined)
  t.same(logged, [])
})

void t.test('going back to what waits to be confirmed keeps it', async t => {
  const { call, store } = buildTestApp(t)
  await call('PUT', '/v1/policy?confirm=10m', { rules })
  const back = await call('POST', '/v1/policy/rollback', { revision: 1 })
  t.match(back.body, { revision: 2, unchanged: false })
  t.equal(store.policies.unconfirmed(), undefined)
})

void t.test('rules that stay keep their counters, with and without ids', async t => {
  const { call, hypervisor } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  await call('POST', '/v1/domains', { name: 'db' })
  await call('PUT', '/v1/policy', { rules })
  const web = new TestClient(hypervisor, 'web')
  web.bind(1)
  new TestClient(hypervisor, 'db').bind(5432)
  web.send(1, 'db', 5432)
  web.send(1, 'db', 1)
  await call('PUT', '/v1/policy', { rules })
  t.match((await call('GET', '/v1/rules')).body, { rules: [{ hits: 1 }, { hits: 1 }] })
  await call('PUT', '/v1/policy', { rules: rules.slice(1) })
  t.match((await call('GET', '/v1/rules')).body, { total: 1, rules: [{ hits: 1 }] })
  t.match((await call('GET', '/v1/stats')).body, {
    verdicts: { accept: { datagrams: 1 }, drop: { datagrams: 1 }, reject: { datagrams: 0 } },
  })
})

void t.test('a document made for another revision is refused', async t => {
  const { call, hypervisor } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  const byHeader = await call(
    'PUT',
    '/v1/policy',
    { rules: [] },
    { headers: { 'if-match': '"0"' } },
  )
  t.strictSame([byHeader.status, byHeader.body.code], [412, 'ESTALE'])
  t.match(byHeader.body.message, /revision 1, no longer at 0/)
  const byBody = await call('PUT', '/v1/policy', { revision: 0, rules: [] })
  t.strictSame([byBody.status, byBody.body.code], [412, 'ESTALE'])
  t.equal(hypervisor.policy.rules.length, 2)
  const headers = { 'if-match': '"1"' }
  t.equal((await call('PUT', '/v1/policy', { rules: [] }, { headers })).body.revision, 2)
})

void t.test('a document with one rule that can not be is refused as a whole', async t => {
  const { call, hypervisor, store } = buildTestApp(t)
  for (const [body, status, message] of [
    [{ rules: [rules[0], { ...rules[1], source: 'x' }] }, 400, /rule 2: source/],
    [{ rules: [rules[0], { ...rules[1], destination: '9:1' }] }, 400, /rule 2: destination/],
    [{ rules: [rules[1], rules[1]] }, 409, /mine/],
    [{ rules: [{ ...rules[1], replies: true }] }, 400, /rule 1: replies/],
    [{ rules: [{ action: 'accept' }] }, 400, /"rules.0.source" is missing/],
    [{ rules: {} }, 400, /"rules" in the body must be array/],
    [{}, 400, /either documents or rules/],
    [{ rules: [], documents: [] }, 400, /either documents or rules/],
  ] as const) {
    const answer = await call('PUT', '/v1/policy', body)
    t.equal(answer.status, status, JSON.stringify(body))
    t.match(answer.body.message, message)
  }
  t.equal(hypervisor.policy.revision, 0)
  t.equal(store.audit.list(1).length, 0)
})

void t.test('documents are kept as they were given, and refused with their places', async t => {
  const { call, services } = buildTestApp(t)
  const documents = [
    { name: '10-a.yaml', text: '# why\nrules:\n  - { id: a, drop: "*:* -> b:1" }\n' },
  ]
  t.match((await call('PUT', '/v1/policy', { documents })).body, { revision: 1, rules: 1 })
  t.strictSame((await call('GET', '/v1/policy?form=documents')).body, { revision: 1, documents })
  t.match((await call('GET', '/v1/rules/a')).body, { file: '10-a.yaml', line: 3 })
  const bad = [{ name: '10-a.yaml', text: 'rules:\n  - drop: nonsense\n' }]
  t.match(await call('PUT', '/v1/policy', { documents: bad }), {
    status: 400,
    body: { details: [{ file: '10-a.yaml', line: 2, column: 11, message: String }] },
  })
  const failing = [
    { name: 'a.yaml', text: 'rules: []\ntests:\n  - { from: "a:1", to: "b:1", expect: accept }\n' },
  ]
  t.match(await call('PUT', '/v1/policy', { documents: failing }), {
    status: 400,
    body: { message: /a\.yaml:3: .*default/, details: [{ file: 'a.yaml', line: 3 }] },
  })
  t.equal(services.revision(), 1)
  const skipped = await call('PUT', '/v1/policy?tests=skip', { documents: failing })
  t.equal(skipped.status, 200)
  t.match(services.audit.list(1), [{ detail: { tests: 'skipped' } }])
  const added = { action: 'drop', source: '*:*', destination: 'b:2' }
  t.match(await call('POST', '/v1/rules', added), { status: 400 }, 'its tests fail still')
  t.match(await call('POST', '/v1/rules?tests=skip', added), { status: 201 })
})

void t.test('revisions are listed, shown, and gone back to', async t => {
  const { call, services } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules, reason: 'first' })
  await call('PUT', '/v1/policy', { rules: rules.slice(1) })
  t.match((await call('GET', '/v1/policy/revisions')).body, {
    revision: 2,
    unconfirmed: null,
    revisions: [
      { revision: 2, rules: 1, author: /^token:/ },
      { revision: 1, rules: 2, reason: 'first', hash: /^[0-9a-f]{64}$/ },
    ],
  })
  t.match((await call('GET', '/v1/policy/revisions?before=2&limit=1')).body, {
    revisions: [{ revision: 1 }],
  })
  t.match((await call('GET', '/v1/policy/revisions/1')).body, { revision: 1, rules: [{}, {}] })
  t.equal((await call('GET', '/v1/policy/revisions/9')).status, 404)
  t.match(await call('POST', '/v1/policy/rollback', { revision: 1, reason: 'back' }), {
    status: 200,
    body: { revision: 3, rules: 2, added: 1 },
  })
  t.match(services.audit.list(1), [
    { action: 'policy.rollback', target: '1', revisionBefore: 2, revisionAfter: 3, reason: 'back' },
  ])
  t.equal((await call('POST', '/v1/policy/rollback', { revision: 9 })).status, 404)
  const headers = { 'if-match': '"1"' }
  t.match(await call('POST', '/v1/policy/rollback', { revision: 1 }, { headers }), {
    status: 412,
    body: {
      details: [
        { message: /^revision 3 by token:\d+: back$/ },
        { message: /^revision 2 by token:\d+$/ },
      ],
    },
  })
})

void t.test('what is not confirmed in time goes away by itself', async t => {
  const { call, hypervisor, services } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  // A time that was over before anybody could look is doubled.
  for (let ms = 200; ; ms *= 2) {
    const { body } = await call('PUT', `/v1/policy?confirm=${ms}ms`, { rules: [] })
    const deadline = body['deadline'] as number
    const revision = Number(body.revision)
    const rulesLeft = hypervisor.policy.rules.length
    const listed = await call('GET', '/v1/policy/revisions')
    const isInTime = Date.now() < deadline
    while (hypervisor.policy.revision === revision) await sleep(5)
    t.ok(Date.now() >= deadline)
    t.equal(hypervisor.policy.rules.length, 2)
    t.match(services.audit.list(1), [
      {
        actor: 'daemon',
        action: 'policy.rollback',
        revisionBefore: revision,
        revisionAfter: revision + 1,
      },
    ])
    if (!isInTime) continue
    t.equal(rulesLeft, 0)
    t.match(listed.body, { unconfirmed: { revision, backTo: revision - 1, deadline } })
    break
  }
  t.equal((await call('POST', '/v1/policy/confirm')).status, 404)
})

void t.test('what is not confirmed goes, whatever the tests of what comes back say', async t => {
  const { call, hypervisor } = buildTestApp(t)
  const failing = { rules, tests: [{ from: 'web:1', to: 'db:1', expect: 'accept' }] }
  t.equal((await call('PUT', '/v1/policy?tests=skip', failing)).status, 200)
  t.equal((await call('PUT', '/v1/policy?confirm=50ms', { rules: [] })).status, 200)
  while (hypervisor.policy.revision === 2) await sleep(5)
  t.strictSame([hypervisor.policy.revision, hypervisor.policy.rules.length], [3, 2])
})

void t.test('the way back from what is not confirmed leads to what somebody has', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  await call('PUT', '/v1/policy?confirm=10m', { rules: [] })
  await call('POST', '/v1/policy/rollback?confirm=50ms', { revision: 0 })
  t.match(store.policies.unconfirmed(), { revision: 3, backTo: 1 })
  while (hypervisor.policy.revision === 3) await sleep(1)
  t.strictSame([hypervisor.policy.revision, hypervisor.policy.rules.length], [4, rules.length])
})

void t.test('what is confirmed stays, and until then nothing else is changed', async t => {
  const { call, services, hypervisor } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  await call('PUT', '/v1/policy?confirm=10m', { rules: [] })
  t.match(await call('POST', '/v1/rules', rules[0]), { status: 503, body: { code: 'EBUSY' } })
  const headers = { 'if-match': '"1"' }
  t.equal((await call('POST', '/v1/policy/confirm', {}, { headers })).status, 412)
  t.match(await call('POST', '/v1/policy/confirm', { reason: 'good' }), { status: 200 })
  t.match(services.audit.list(1), [{ action: 'policy.confirm', reason: 'good' }])
  t.equal((await call('POST', '/v1/rules', rules[0])).status, 201)
  await call('PUT', '/v1/policy?confirm=10m', { rules })
  await call('POST', '/v1/policy/rollback', { revision: 0 })
  t.strictSame([services.revisions.unconfirmed(), hypervisor.policy.rules], [undefined, []])
  for (const time of ['soon', '2h']) {
    t.match(await call('PUT', `/v1/policy?confirm=${time}`, { rules }), {
      status: 400,
      body: { message: /^confirm: / },
    })
  }
})

void t.test('a change is answered when it is on the disk, and not when the disk fails', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  const synced = store.synced.bind(store)
  let inForce = -1
  store.synced = async () => {
    inForce = hypervisor.policy.revision
    await Promise.reject(new StoreError('failed', 'the disk is broken'))
  }
  t.match(await call('PUT', '/v1/policy', { rules }), {
    status: 500,
    body: { code: 'EIO' },
  })
  t.equal(inForce, 1, 'no datagram waits for the disk')
  store.synced = synced
  t.match((await call('GET', '/v1/policy')).body, { revision: 1, rules: [{}, { id: 'mine' }] })
  t.match((await call('POST', '/v1/rules', rules[0])).body, { revision: 2 })
})

void t.test('a store that fails leaves the policy as it was, and so does the thread', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  const append = store.audit.append.bind(store.audit)
  store.audit.append = () => {
    throw new StoreError('full', 'no space')
  }
  t.match(await call('PUT', '/v1/policy', { rules: [{ ...rules[0], id: 'new' }] }), {
    status: 507,
    body: { code: 'ENOSPC' },
  })
  t.strictSame([hypervisor.policy.revision, store.policies.currentRevision()], [1, 1])
  store.audit.append = append
  t.match((await call('GET', '/v1/policy')).body, { revision: 1, rules: [{}, { id: 'mine' }] })
  t.match((await call('POST', '/v1/rules', rules[0])).body, { revision: 2 })
})

void t.test('many edits at once are made one after the other, and each counts', async t => {
  const { call, hypervisor } = buildTestApp(t)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => call('POST', '/v1/rules', { ...rules[1], id: `e${i}` })),
  )
  t.strictSame(
    answers.map(({ body }) => body.revision).toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
  t.equal(hypervisor.policy.rules.length, 20)
  const [a, b] = await Promise.all(
    [1, 2].map(() => call('PUT', '/v1/policy', { rules: [] }, { headers: { 'if-match': '"20"' } })),
  )
  t.strictSame(new Set([a!.status, b!.status]), new Set([200, 412]), 'one of two wins')
})

void t.test('changes beyond those that may wait are refused, and questions too', async t => {
  const { call, hypervisor } = buildTestApp(t)
  const { prototype } = PolicyThread
  const ask = Reflect.get(prototype, 'call') as (...params: unknown[]) => Promise<unknown>
  t.teardown(() => Reflect.set(prototype, 'call', ask))
  /** Makes so many requests, of which none is dealt with until so many were refused. */
  const crowd = async (
    count: number,
    refusedMax: number,
    make: (number: number) => Promise<Answer>,
  ): Promise<Answer[]> => {
    let release!: () => void
    const isFull = new Promise<void>(resolve => (release = resolve))
    const held = async function (this: unknown, ...params: unknown[]): Promise<unknown> {
      await isFull
      return Reflect.apply(ask, this, params)
    }
    Reflect.set(prototype, 'call', held)
    let refused = 0
    const answers = await Promise.all(
      Array.from({ length: count }, async (_, number) => {
        const answer = await make(number)
        if (answer.status === 503 && ++refused === refusedMax) release()
        return answer
      }),
    )
    Reflect.set(prototype, 'call', ask)
    return answers
  }
  // One has its turn and 256 wait: of those that would change nothing, which is the sooner done.
  await call('POST', '/v1/rules', { ...rules[1], id: 'e' })
  const edits = await crowd(260, 3, () => call('PATCH', '/v1/rules/e', { action: 'drop' }))
  t.equal(edits.filter(({ status }) => status === 200).length, 257)
  const refusedEdits = edits.filter(({ status }) => status !== 200)
  for (const edit of refusedEdits) {
    t.match(edit, { status: 503, body: { code: 'EBUSY', message: /wait already/ } })
  }
  t.equal(hypervisor.policy.revision, 1)
  const questions = await crowd(36, 3, () => call('GET', '/v1/policy/lint'))
  t.equal(questions.filter(({ status }) => status === 200).length, 33)
  t.match(
    questions.find(({ status }) => status !== 200),
    { status: 503, body: { code: 'EBUSY', message: /questions wait/ } },
  )
})

void t.test('a thread that is lost in the middle of a change knows of it afterwards', async t => {
  const { call, hypervisor, services } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  const { prototype } = PolicyThread
  const ask = Reflect.get(prototype, 'call') as (...params: unknown[]) => Promise<unknown>
  const restore = (): boolean => Reflect.set(prototype, 'call', ask)
  t.teardown(restore)
  let isLost = false
  // As if it ended when it had given its table away, and somebody looked at the policy then.
  const loseOnce = async function (
    this: PolicyThread<PolicyTasks>,
    ...params: unknown[]
  ): Promise<unknown> {
    const answer = await Reflect.apply(ask, this, params)
    if (params[0] !== 'prepare') return answer
    restore()
    isLost = true
    await this.restart()
    await this.call('view', false)
    return answer
  }
  Reflect.set(prototype, 'call', loseOnce)
  t.equal((await call('POST', '/v1/rules', { ...rules[1], id: 'one' })).status, 201)
  t.equal(isLost, true)
  t.match((await call('GET', '/v1/policy')).body, { revision: 2, rules: { length: 3 } })
  t.equal((await call('POST', '/v1/rules', { ...rules[1], id: 'two' })).status, 201)
  t.strictSame(hypervisor.policy.rules.map(rule => rule.id).slice(1), ['mine', 'one', 'two'])
  t.equal(services.revision(), 3)
})

void t.test('a rule that expires ends by the clock for traffic that flows', async t => {
  let now = Date.now()
  const { call, hypervisor } = buildTestApp(t, { clock: { now: () => now } })
  for (const name of ['web', 'db']) await call('POST', '/v1/domains', { name })
  new TestClient(hypervisor, 'db').bind(1)
  const web = new TestClient(hypervisor, 'web')
  web.bind(7)
  const rule = { action: 'accept', source: 'web:*', destination: 'db:1', expires: '2s' }
  const { rule: made } = (await call('POST', '/v1/rules', rule)).body as unknown as {
    rule: { expires: number }
  }
  t.equal(made.expires, now + 2_000)
  t.match(hypervisor.policy.rules, [{ expires: made.expires }])
  t.match(web.send(7, 'db', 1), { ok: true })
  now = made.expires - 1
  t.match(web.send(7, 'db', 1), { ok: true })
  now = made.expires
  t.match(web.send(7, 'db', 1), { ok: false, code: 'EPERM' })
})
