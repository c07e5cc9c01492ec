import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, type Daemon } from '../../src/daemon.js'
import { until } from '../fixtures/daemon.js'
import { stateDir } from '../fixtures/state-dir.js'

const client = 'test/fixtures/client.py'
/** What a listener says first. */
const READY = 'ready\n'
const python = spawnSync('python3', ['--version'])
const skip = python.status === 0 ? false : 'there is no python3 on this machine'

/** Adds a domain or a rule as an admin does. */
async function post(daemon: Daemon, path: string, body: object): Promise<void> {
  const token = readFileSync(daemon.adminTokenPath, 'utf8').trim()
  const answer = await fetch(`${daemon.url}/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`)
}

function run(...args: string[]): ChildProcessWithoutNullStreams {
  return spawn('python3', [client, ...args])
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

await t.test('a client written from the page sends and receives in order', { skip }, async t => {
  const daemon = await startDaemon({ stateDir: stateDir(t), port: 0, logLevel: 'silent' })
  t.teardown(() => daemon.close())
  for (const name of ['sender', 'receiver']) await post(daemon, '/domains', { name })
  await post(daemon, '/rules', {
    action: 'accept',
    source: 'sender:*',
    destination: 'receiver:514',
  })
  const socket = (name: string): string => join(daemon.stateDir, 'domains', `${name}.sock`)

  // Far more than the receiver's ring of 64 KiB holds, so sending waits for space again and again.
  const lines = Array.from({ length: 20_000 }, (_, i) => `${i} ${'x'.repeat(i % 100)}\n`)
  const input = Buffer.from(lines.join(''))

  const listener = run('listen', socket('receiver'), '514', String(lines.length))
  t.teardown(() => listener.kill())
  const output: Buffer[] = []
  let stderr = ''
  listener.stderr.on('data', (text: Buffer) => (stderr += String(text)))
  listener.stdout.on('data', (bytes: Buffer) => output.push(bytes))
  // In however many pieces it comes.
  await until(
    () => String(Buffer.concat(output)),
    said => said.startsWith(READY),
  )

  const sender = run('send', socket('sender'), 'receiver', '514')
  t.teardown(() => sender.kill())
  sender.stderr.on('data', (text: Buffer) => (stderr += String(text)))
  const ends = Promise.all([once(sender, 'close'), once(listener, 'close')])
  sender.stdin.end(input)
  const [[sent], [listened]] = (await ends) as [[number | null], [number | null]]
  t.equal(stderr, '')
  t.same([sent, listened], [0, 0])
  t.equal(sha256(Buffer.concat(output).subarray(READY.length)), sha256(input))
})

await t.test('a client that is refused is told why', { skip }, async t => {
  const daemon = await startDaemon({ stateDir: stateDir(t), port: 0, logLevel: 'silent' })
  t.teardown(() => daemon.close())
  const listener = run('listen', daemon.socketPath, '514', '1')
  t.teardown(() => listener.kill())
  let stderr = ''
  listener.stderr.on('data', (text: Buffer) => (stderr += String(text)))
  const [code] = (await once(listener, 'close')) as [number | null]
  t.equal(code, 1)
  t.match(stderr, /^closed with errno 13: /)
})
