import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import t, { type Test } from 'tap'
import { until } from '../fixtures/daemon.js'
import { accessTo } from './fixtures/access.js'
import { daemon, ended, type RunOptions } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = {
  'a.yaml':
    'rules:\n  - accept: web:* -> collector:514\n    replies: true\n  - accept: web:* -> collector:515\n',
}

const place = await daemon(t, t.testdir(policy))
const access = accessTo(place)
await access.addDomains('web', 'collector', 'agent')
const as = ['--as', 'collector']

t.beforeEach(() => listening()) // what listened in the case before is gone

/** Starts `v4v listen`; it does not outlive its case. */
function listen(t: Test, args: readonly string[], options: RunOptions = {}): ChildProcess {
  const child = place.start(['listen', ...args], options)
  t.teardown(() => void child.kill('SIGKILL'))
  return child
}

/** Waits until these ports of the collector are listened on, and no others. */
async function listening(...ports: number[]): Promise<void> {
  await until(
    async () => (await access.admin.rings()).filter(({ domain }) => domain === 'collector'),
    rings => rings.length === ports.length && rings.every(ring => ports.includes(ring.port)),
  )
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

await t.test('lines arrive as the same lines, empty ones and binary ones too', async t => {
  const input = Buffer.concat([
    Buffer.from('a\n\n\u00e9\n'),
    Buffer.of(255, 0, 13, 10),
    Buffer.from('z\n'),
  ])
  const listener = listen(t, ['514', ...as, '--lines', '--count', '5'])
  const out = ended(listener)
  await listening(514)
  const attached = await place.v4v(['session', 'ls'])
  t.match(attached.stdout, /^ *\d+ +collector +(unix|shared-memory) +v4v \d+\.\d+\.\d+ +514 /m)
  t.match((await place.v4v(['ring', 'ls'])).stdout, 'collector:514')
  const send = ['send', 'collector:514', '--stdin', '--lines', '--as', 'web']
  const sent = await place.v4v(send, { input })
  t.equal(sent.code, 0)
  t.match(sent.stderr, /^5 datagrams, 7 bytes, [0-9.]+ s\n$/)
  const { code, stdout } = await out
  t.same([code, stdout], [0, input.toString()])
})

await t.test('a large text arrives byte for byte over both transports, read slowly', async t => {
  const count = 100_000
  const input = Array.from({ length: count }, (_, i) => `line ${i} ${'.'.repeat(i % 90)}\n`).join(
    '',
  )
  for (const over of ['unix', 'ws'] as const) {
    const via = (name: string): RunOptions =>
      over === 'unix' ? {} : { env: { V4V_TOKEN: access.tokens.get(name)! } }
    const way = (name: string): string[] =>
      over === 'unix' ? ['--as', name] : ['--url', access.url]
    const size = ['--size', '64KiB', '--count', String(count)]
    const listener = listen(t, ['514', '--lines', ...size, ...way('collector')], via('collector'))
    const hash = createHash('sha256')
    const exit = once(listener, 'close')
    const reading = (async () => {
      let chunks = 0
      for await (const chunk of listener.stdout!) {
        hash.update(chunk as Buffer)
        if (++chunks % 20 === 0) await new Promise(resolve => setTimeout(resolve, 5))
      }
    })()
    await listening(514)
    const send = ['send', 'collector:514', '--stdin', '--lines', ...way('web')]
    const sent = await place.v4v(send, { ...via('web'), input })
    t.same([sent.code, over], [0, over])
    await reading
    t.same(await exit, [0, null])
    t.equal(hash.digest('hex'), sha256(input), over)
    await listening()
  }
})

await t.test('with the newline kept, a file without a last one arrives byte for byte', async t => {
  const input = 'one\n\ntwo\nlast'
  const listener = listen(t, ['514', ...as, '--raw', '--count', '4'])
  const out = ended(listener)
  await listening(514)
  const send = ['send', 'collector:514', '--stdin', '--lines', '--keep-newline', '--as', 'web']
  t.equal((await place.v4v(send, { input })).code, 0)
  t.equal((await out).stdout, input)
})

await t.test('datagrams are shown readably or as JSON, and SIGTERM drains', async t => {
  const readable = listen(t, ['514', ...as])
  const objects = listen(t, ['515', ...as, '-o', 'json'])
  const outs = [ended(readable), ended(objects)]
  await listening(514, 515)
  for (const port of ['514', '515']) {
    const send = ['send', `collector:${port}`, '--stdin', '--lines', '--as', 'web', '--from', '7']
    t.equal((await place.v4v(send, { input: Buffer.from('hi\u001b[2J\n\xff', 'latin1') })).code, 0)
  }
  readable.kill('SIGTERM')
  objects.kill('SIGINT')
  const [shown, parsed] = await Promise.all(outs)
  t.same([shown!.code, shown!.stdout], [0, 'web:7 6 hi\\x1b[2J\nweb:7 1 \\xff\n'])
  t.equal(parsed!.code, 0)
  const arrivals = parsed!.stdout.trim().split('\n')
  t.same(
    arrivals.map(line => JSON.parse(line) as unknown),
    [
      { domain: 'web', port: 7, bytes: 6, text: 'hi\u001b[2J' },
      { domain: 'web', port: 7, bytes: 1, base64: '/w==' },
    ],
  )
})

await t.test('a command is given each datagram, or the stream of all', async t => {
  const each = listen(t, ['514', ...as, '--count', '2', '--exec', 'echo "$V4V_SOURCE $(cat)"'])
  const all = listen(t, ['515', ...as, '--count', '2', '--lines', '--exec', 'wc -l'])
  const outs = [ended(each), ended(all)]
  await listening(514, 515)
  for (const port of ['514', '515']) {
    const send = ['send', `collector:${port}`, '--stdin', '--lines', '--as', 'web', '--from', '7']
    await place.v4v(send, { input: 'a\nb\n' })
  }
  const [first, second] = await Promise.all(outs)
  t.same([first!.code, first!.stdout], [0, 'web:7 a\nweb:7 b\n'])
  t.same([second!.code, second!.stdout.trim()], [0, '2'])
})

await t.test('a send that is refused says which error, where and under which decision', async t => {
  const forbidden = await place.v4v(['send', 'collector:9', 'x', '--as', 'web'])
  const unknown = await place.v4v(['send', 'nobody:9', 'x', '--as', 'web'])
  t.match(forbidden.stderr, /^v4v: EPERM: collector:9: policy rejects this datagram \(decision d-/)
  t.match(unknown.stderr, /^v4v: EPERM: nobody:9: policy rejects this datagram \(decision d-/)
  const absent = await place.v4v(['send', 'collector:514', '--stdin', '--lines', '--as', 'web'], {
    input: 'a\nb\n',
  })
  t.equal(absent.code, 1)
  t.match(absent.stderr, /^v4v: ECONNREFUSED: collector:514: nobody listens there [^\n]*--wait\n$/)
})

await t.test('send --wait waits until somebody listens', async t => {
  const send = ['send', 'collector:514', '--stdin', '--lines', '--wait', '--as', 'web']
  const sent = ended(place.start(send, { input: 'a\nb\nc\n' }))
  const got = await place.v4v(['listen', '514', '--as', 'collector', '--lines', '--count', '3'])
  t.equal(got.stdout, 'a\nb\nc\n')
  t.equal((await sent).code, 0)
})

await t.test('ping asks the daemon, or an echo', async t => {
  const rounds = ['--count', '2', '--interval', '1ms', '--timeout', '1m', '--as', 'web']
  const absent = await place.v4v(['ping', 'collector:514', ...rounds])
  t.equal(absent.code, 1)
  t.match(absent.stderr, /^v4v: collector:514 gave no answer: nobody listens there\n$/)
  const listener = listen(t, ['514', ...as, '--echo'])
  const out = ended(listener)
  await listening(514)
  const asked = await place.v4v(['ping', 'collector:514', ...rounds])
  t.equal(asked.code, 0)
  t.match(asked.stdout, /^collector:514: exists shared empty sufficient, \d+ bytes free of \d+, /)
  const echoed = await place.v4v(['ping', 'collector:514', '--echo', '-o', 'json', ...rounds])
  t.match(JSON.parse(echoed.stdout), { rounds: [{ ok: true }, { ok: true }] })
  listener.kill('SIGTERM')
  t.equal((await out).code, 0)
})

await t.test('whoever stops reading ends the listener without a complaint', async t => {
  const listener = listen(t, ['514', ...as, '--lines'])
  const exit = once(listener, 'close')
  await listening(514)
  listener.stdout!.destroy()
  await place.v4v(['send', 'collector:514', 'x', '--as', 'web'])
  t.same(await exit, [0, null])
})
