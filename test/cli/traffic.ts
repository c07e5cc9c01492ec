import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { daemon, ended, until, type TestDaemon } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = {
  'a.yaml':
    'rules:\n  - accept: web:* -> collector:514\n    replies: true\n  - accept: web:* -> collector:515\n',
}

async function place(t: Parameters<typeof daemon>[0], dir: string): Promise<TestDaemon> {
  const made = await daemon(t, dir)
  for (const name of ['web', 'collector', 'agent']) await made.v4v(['domain', 'add', name])
  return made
}

async function listening(made: TestDaemon): Promise<void> {
  await until(async () => (await made.v4v(['ring', 'ls'])).stdout.includes('collector:51'))
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

await t.test('lines arrive as the same lines, empty ones and binary ones too', async t => {
  const made = await place(t, t.testdir(policy))
  const input = Buffer.concat([
    Buffer.from('a\n\n\u00e9\n'),
    Buffer.of(255, 0, 13, 10),
    Buffer.from('z\n'),
  ])
  const listener = made.start(['listen', '514', '--as', 'collector', '--lines', '--count', '5'])
  const out = ended(listener)
  await listening(made)
  const attached = await made.v4v(['session', 'ls'])
  t.match(attached.stdout, /^ *\d+ +collector +(unix|shared-memory) +v4v \d+\.\d+\.\d+ +514 /m)
  const sent = await made.v4v(['send', 'collector:514', '--stdin', '--lines', '--as', 'web'], {
    input,
  })
  t.equal(sent.code, 0)
  t.match(sent.stderr, /^5 datagrams, 7 bytes, [0-9.]+ s\n$/)
  const { code } = await out
  t.equal(code, 0)
})

await t.test('a large text arrives byte for byte over both transports, read slowly', async t => {
  const made = await place(t, t.testdir(policy))
  const { url } = JSON.parse(readFileSync(`${made.dir}/daemon.json`, 'utf8')) as { url: string }
  const token = async (name: string): Promise<string> =>
    (await made.v4v(['token', 'issue', name])).stdout.trim()
  const tokens = { web: await token('web'), collector: await token('collector') }
  const count = 100_000
  const input = Array.from({ length: count }, (_, i) => `line ${i} ${'.'.repeat(i % 90)}\n`).join(
    '',
  )
  for (const over of ['unix', 'ws'] as const) {
    const via = (name: 'web' | 'collector'): { args: string[]; env: Record<string, string> } =>
      over === 'unix'
        ? { args: ['--as', name], env: {} }
        : { args: ['--url', url], env: { V4V_TOKEN: tokens[name] } }
    const receiver = via('collector')
    const listener = made.start(
      ['listen', '514', '--lines', '--size', '64KiB', '--count', String(count), ...receiver.args],
      { env: receiver.env },
    )
    const hash = createHash('sha256')
    const exit = once(listener, 'close')
    const reading = (async () => {
      let chunks = 0
      for await (const chunk of listener.stdout!) {
        hash.update(chunk as Buffer)
        if (++chunks % 20 === 0) await new Promise(resolve => setTimeout(resolve, 5))
      }
    })()
    await listening(made)
    const sender = via('web')
    const sent = await made.v4v(['send', 'collector:514', '--stdin', '--lines', ...sender.args], {
      env: sender.env,
      input,
    })
    t.same([sent.code, over], [0, over])
    await reading
    t.same(await exit, [0, null])
    t.equal(hash.digest('hex'), sha256(input), over)
    await until(async () => !(await made.v4v(['ring', 'ls'])).stdout.includes('collector:514'))
  }
})

await t.test('with the newline kept, a file without a last one arrives byte for byte', async t => {
  const made = await place(t, t.testdir(policy))
  const input = 'one\n\ntwo\nlast'
  const listener = made.start(['listen', '514', '--as', 'collector', '--raw', '--count', '4'])
  const out = ended(listener)
  await listening(made)
  const send = ['send', 'collector:514', '--stdin', '--lines', '--keep-newline', '--as', 'web']
  t.equal((await made.v4v(send, { input })).code, 0)
  t.equal((await out).stdout, input)
})

await t.test('datagrams are shown readably or as JSON, and SIGTERM drains', async t => {
  const made = await place(t, t.testdir(policy))
  const readable = made.start(['listen', '514', '--as', 'collector'])
  const objects = made.start(['listen', '515', '--as', 'collector', '-o', 'json'])
  const outs = [ended(readable), ended(objects)]
  await until(async () => {
    const { stdout } = await made.v4v(['ring', 'ls'])
    return stdout.includes(':514') && stdout.includes(':515')
  })
  for (const port of ['514', '515']) {
    const send = ['send', `collector:${port}`, '--stdin', '--lines', '--as', 'web', '--from', '7']
    t.equal((await made.v4v(send, { input: Buffer.from('hi\u001b[2J\n\xff', 'latin1') })).code, 0)
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
  const made = await place(t, t.testdir(policy))
  const each = made.start([
    ...['listen', '514', '--as', 'collector', '--count', '2'],
    ...['--exec', 'echo "$V4V_SOURCE $(cat)"'],
  ])
  const all = made.start([
    ...['listen', '515', '--as', 'collector', '--count', '2', '--lines', '--exec', 'wc -l'],
  ])
  const outs = [ended(each), ended(all)]
  await until(async () => {
    const { stdout } = await made.v4v(['ring', 'ls'])
    return stdout.includes(':514') && stdout.includes(':515')
  })
  for (const port of ['514', '515']) {
    const send = ['send', `collector:${port}`, '--stdin', '--lines', '--as', 'web', '--from', '7']
    await made.v4v(send, { input: 'a\nb\n' })
  }
  const [first, second] = await Promise.all(outs)
  t.same([first!.code, first!.stdout], [0, 'web:7 a\nweb:7 b\n'])
  t.same([second!.code, second!.stdout.trim()], [0, '2'])
})

await t.test('a send that is refused says which error, where and under which decision', async t => {
  const made = await place(t, t.testdir(policy))
  const forbidden = await made.v4v(['send', 'collector:9', 'x', '--as', 'web'])
  const unknown = await made.v4v(['send', 'nobody:9', 'x', '--as', 'web'])
  t.match(forbidden.stderr, /^v4v: EPERM: collector:9: policy rejects this datagram \(decision d-/)
  t.match(unknown.stderr, /^v4v: EPERM: nobody:9: policy rejects this datagram \(decision d-/)
  const absent = await made.v4v(['send', 'collector:514', '--stdin', '--lines', '--as', 'web'], {
    input: 'a\nb\n',
  })
  t.equal(absent.code, 1)
  t.match(absent.stderr, /^v4v: ECONNREFUSED: collector:514: nobody listens there [^\n]*--wait\n$/)
})

await t.test('send --wait waits until somebody listens', async t => {
  const made = await place(t, t.testdir(policy))
  const send = ['send', 'collector:514', '--stdin', '--lines', '--wait', '--as', 'web']
  const sent = ended(made.start(send, { input: 'a\nb\nc\n' }))
  const got = await made.v4v(['listen', '514', '--as', 'collector', '--lines', '--count', '3'])
  t.equal(got.stdout, 'a\nb\nc\n')
  t.equal((await sent).code, 0)
})

await t.test('ping asks the daemon, or an echo', async t => {
  const made = await place(t, t.testdir(policy))
  const rounds = ['--count', '2', '--interval', '1ms', '--as', 'web']
  const absent = await made.v4v(['ping', 'collector:514', ...rounds])
  t.equal(absent.code, 1)
  t.match(absent.stderr, /^v4v: collector:514 gave no answer: nobody listens there\n$/)
  const listener = made.start(['listen', '514', '--as', 'collector', '--echo'])
  const out = ended(listener)
  await listening(made)
  const asked = await made.v4v(['ping', 'collector:514', ...rounds])
  t.equal(asked.code, 0)
  t.match(asked.stdout, /^collector:514: exists shared empty sufficient, \d+ bytes free of \d+, /)
  const echoed = await made.v4v(['ping', 'collector:514', '--echo', '-o', 'json', ...rounds])
  t.match(JSON.parse(echoed.stdout), { rounds: [{ ok: true }, { ok: true }] })
  listener.kill('SIGTERM')
  t.equal((await out).code, 0)
})

await t.test('whoever stops reading ends the listener without a complaint', async t => {
  const made = await place(t, t.testdir(policy))
  const listener = made.start(['listen', '514', '--as', 'collector', '--lines'])
  const exit = once(listener, 'close')
  await listening(made)
  listener.stdout!.destroy()
  await made.v4v(['send', 'collector:514', 'x', '--as', 'web'])
  t.same(await exit, [0, null])
})
