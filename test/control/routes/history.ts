import { join } from 'node:path'
import t from 'tap'
import { MESSAGE_TYPES } from '../../../src/abi/addr.js'
import { readBack } from '../../../src/control/routes/history.js'
import { FlowHistory } from '../../../src/control/services/flow-history.js'
import { FlowMeter } from '../../../src/hypervisor/flow-meter.js'
import { FLOWS_FILE, openFlowStore } from '../../../src/store/flow-store.js'
import { buildTestApp, type TestApp } from '../fixtures/build-app.js'

type TapTest = Parameters<typeof buildTestApp>[0]

function withHistory(t: TapTest): TestApp & { meter: FlowMeter; history: FlowHistory } {
  const dir = t.testdir()
  const store = openFlowStore(join(dir, FLOWS_FILE), { bytesMax: 1 << 24, ageMsMax: 1e9 })
  const meter = new FlowMeter({ flowMetersMax: 1000, flowMetersPerDomainMax: 1000 })
  const history = new FlowHistory(meter, store, { now: () => Date.now() })
  t.teardown(() => history.close())
  const test = buildTestApp(t, { history, path: join(dir, 'v4vd.sqlite') })
  return { ...test, meter, history }
}

function count(meter: FlowMeter, from: string, port: number, effect: 'accept' | 'reject'): void {
  const slot = meter.slotOf(from, 0x80000001, 'db', port, MESSAGE_TYPES.dgram, effect, 'r1')
  meter.add(slot, 3, 30, Date.now())
}

await t.test('what became of flows is listed, up to the moment', async t => {
  const { call, meter } = withHistory(t)
  count(meter, 'web', 80, 'accept')
  count(meter, 'app', 80, 'reject')
  const { body } = await call('GET', '/v1/flows/history')
  t.match(body, { lost: 0, flows: { length: 2 } })
  t.match((await call('GET', '/v1/flows/history?verdict=accept&since=1h')).body, {
    flows: [
      { source: 'web:*', destination: 'db:80', type: 'dgram', verdict: 'accept', datagrams: 3 },
    ],
  })
  t.match((await call('GET', '/v1/flows/history?source=app&limit=1')).body, {
    flows: [{ source: 'app:*', verdict: 'reject', rule: 'r1' }],
  })
  t.equal((await call('GET', '/v1/flows/history?since=soon')).status, 400)
})

await t.test('flows that go on all the while keep nobody waiting', async t => {
  const { call, meter } = withHistory(t)
  let goesOn = true
  const send = (): void => {
    count(meter, 'web', 80, 'accept')
    if (goesOn) setImmediate(send)
  }
  send()
  const { body } = await call('GET', '/v1/flows/history')
  goesOn = false
  t.match(body, { flows: [{ source: 'web:*' }] })
})

await t.test('a draft is made of what was let through', async t => {
  const { call, meter } = withHistory(t)
  for (let port = 1; port <= 250; port++) count(meter, 'web', port, 'accept')
  count(meter, 'app', 80, 'reject')
  const { body } = await call('GET', '/v1/policy/suggest?since=24h')
  t.match(body, { flows: 251, rules: 1, tests: 2, document: /accept/ })
  const plan = { documents: [{ name: '10-draft.yaml', text: String(body['document']) }] }
  const planned = await call('POST', '/v1/policy/plan?replay=24h', plan)
  t.equal(planned.status, 200, planned.text)
  t.match(planned.body, {
    status: 'changes',
    tests: { run: 2, failed: 0 },
    flows: {
      flows: 251,
      newlyAdmitted: { flows: 250, datagrams: 750 },
      newlyRefused: { flows: 0 },
    },
  })
})

await t.test('where nothing is written down, that is said', async t => {
  const { call } = buildTestApp(t)
  t.equal((await call('GET', '/v1/flows/history')).status, 404)
  t.equal((await call('GET', '/v1/policy/suggest')).status, 404)
})

await t.test('a length of time', async t => {
  t.equal(readBack('2h'), 7_200_000)
  t.equal(readBack(), 7 * 86_400_000)
})
