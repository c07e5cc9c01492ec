import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { connect } from '../../src/sdk/index.js'
import { accessTo } from './fixtures/access.js'
import { daemon, ended } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = {
  'a.yaml':
    'rules:\n  - id: logs\n    accept: web:* -> db:1\n    max_bytes: 100\n  - id: off\n    drop: web:* -> db:2\n',
}
const place = await daemon(t, t.testdir(policy))
const access = accessTo(place)
await access.addDomains('web', 'db')

await using web = await connect(access.as('web'))
await using db = await connect(access.as('db'))
const sending = await web.bind(80)
await db.bind(1)

/** One datagram for each thing that can become of it; the ring is not read. */
async function sendSome(): Promise<void> {
  await sending.send('db:1', new Uint8Array(10))
  await sending.send('db:2', new Uint8Array(10))
  for (const [to, bytes] of [
    ['db:1', 101],
    ['db:3', 1],
  ] as const) {
    await t.rejects(sending.send(to, new Uint8Array(bytes)))
  }
}

await t.test('a domain is shown with its rings, its sessions and what went wrong', async t => {
  await sendSome()
  const asDb = (await place.v4v(['domain', 'show', 'db'])).stdout
  t.match(asDb, /^state +attached$/m)
  t.match(asDb, /^last seen +now$/m)
  t.match(asDb, /^rings +1, 32 B of 1 MiB used$/m)
  t.match(asDb, /^not delivered to it +drop 1, EPERM 1, EMSGSIZE 1$/m)
  t.match(asDb, /^db:1 +\* +\d+ +1 MiB +32 B +1 +1 +0$/m)
  t.match(asDb, /^ *\d+ +db +(unix|shared-memory) +node v[0-9.]+ +1 +1 +0 +0$/m)
  const asWeb = await place.v4v(['domain', 'show', 'web', '-o', 'json'])
  t.match(JSON.parse(asWeb.stdout), {
    undelivered: { from: { drop: 1, EPERM: 1, EMSGSIZE: 1 }, to: {} },
    ringDetails: [{ port: 80 }],
    sessionDetails: [{ domain: 'web' }],
  })
  const listed = await place.v4v(['domain', 'ls'])
  t.match(listed.stdout, /^db +2 +- +attached +1 +1 +32 B +0 +now +\d{4}-/m)
})

await t.test('a domain is told who it is, and an admin, too', async t => {
  const V4V_TOKEN = access.tokens.get('db')!
  const byToken = await place.v4v(['whoami', '--url', access.url], { env: { V4V_TOKEN } })
  t.match(byToken.stdout, /^domain +db\nid +2\ntransport +websocket\npolicy +revision 1$/m)
  const bySocket = await place.v4v(['whoami', '--as', 'web', '-o', 'json'])
  t.match(JSON.parse(bySocket.stdout), {
    name: 'web',
    id: 1,
    revision: 1,
    limits: { rings: 128, ringBytes: 64 * 1024 * 1024, pingIntervalMs: 15_000 },
  })
  const admin = await place.v4v(['whoami'])
  t.match(admin.stdout, /^id +1\nrole +root$/m)
  const stranger = await place.v4v(['whoami', '--as', 'nobody'])
  t.match(stranger, { code: 1, stderr: /there is no domain "nobody"/ })
})

await t.test('counters are shown for each rule and for what none matched', async t => {
  const { stdout, stderr } = await place.v4v(['rule', 'ls', '-v'])
  t.match(stdout, /^1 +logs +accept .* 2 +- +111 +\d{4}-\S+Z +1 +0 +max_bytes 100/m)
  t.match(stdout, /^2 +off +drop .* 1 +- +10 +\d{4}-\S+Z +0 +0 +-/m)
  t.match(stderr, /no rule matched: 1, 1 bytes, 0 audited, last hit \d{4}-\d\d-\d\dT[0-9:]+Z\n$/)
})

await t.test('traffic is told again and again, as lines or for programs', async t => {
  const options = ['traffic', '--interval', '100ms']
  const table = place.start(options)
  const json = place.start([...options, '-o', 'json'])
  const lines: [string[], string[]] = [[], []]
  const heads = [table, json].map((child, i) => {
    const reader = createInterface({ input: child.stdout! })
    reader.on('line', line => lines[i]!.push(line))
    return once(reader, 'line')
  })
  await Promise.all(heads)
  const hasAll = ([shown, told]: [string[], string[]]): boolean =>
    ['logs', 'off', 'default'].every(
      rule =>
        shown.some(line => line.startsWith(`${rule} `)) && told.some(line => line.includes(rule)),
    ) && shown.some(line => line.startsWith('not delivered: '))
  while (!hasAll(lines)) await sendSome().then(() => new Promise(next => setTimeout(next, 20)))
  table.kill()
  json.kill()
  const [shown, told] = lines
  t.match(
    shown[0],
    /^\d{4}-\S+Z {2}revision 1, 2 rules, 2 sessions, 2 rings, .* used, \d+ waiting$/,
  )
  t.ok(shown.some(line => /^web( +[0-9.]+( (B|KiB))?){5}$/.test(line)))
  t.ok(shown.some(line => /^db:1 +\* +\d+ +1 MiB/.test(line)))
  const looks = told.map(line => JSON.parse(line) as { undelivered: Record<string, number> })
  t.ok(looks.some(({ undelivered }) => undelivered['EPERM']! > 0))
})

await t.test('traffic ends after so many looks', async t => {
  const yaml = await place.v4v(['traffic', '--interval', '10ms', '--count', '2', '-o', 'yaml'])
  t.equal(yaml.code, 0, yaml.stderr)
  t.match(
    parseAllDocuments(yaml.stdout).map(each => each.toJS() as object),
    [
      { delivered: { datagrams: 0 }, fullestRings: [{ domain: 'db', port: 1 }] },
      { seconds: Number },
    ],
  )
  const none = await ended(place.start(['traffic', '--count', '0']))
  t.equal(none.code, 2)
})
