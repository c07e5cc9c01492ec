import { once } from 'node:events'
import t from 'tap'
import { setImmediate as turn } from 'node:timers/promises'
import { encodePing } from '../../src/abi/control-frame.js'
import { endReasonInfo, endReasons, type EndReason } from '../../src/abi/end-reason.js'
import { FRAME } from '../../src/abi/frame.js'
import type { DisconnectView } from '../../src/control/schemas/disconnect.js'
import { loadNative } from '../../src/native/native.js'
import { connect, memoryPair } from '../../src/sdk/index.js'
import { startDaemon, until, type TestDaemon } from '../fixtures/daemon.js'
import { RawUnixClient, RawWsClient } from '../fixtures/raw-client.js'
import {
  attachUnix,
  begin,
  hello,
  OUTPUT_BYTES_MAX,
  TARGETS_MAX,
  UNFINISHED_BYTES_MAX,
  waysByClients,
  type WayToEnd,
} from './fixtures/session-ends.js'

// Every way there is for a session to end, or for a client not to get one, is tried on a real
// daemon; what an admin reads of it afterwards must say who, why, and which limit it was.

const native = await loadNative()

interface ShortLived {
  readonly text: string
  readonly expiresAt: number
}

/** Where more than one client that says nothing is too many. */
async function tightDaemon(t: Parameters<typeof startDaemon>[0]): Promise<TestDaemon> {
  const daemon = await startDaemon(t, {
    connectionsUnauthenticatedMax: 1,
    sessionsPerDomainMax: 1,
    sessionsMax: 2,
    // Enough for one client of a domain.
    sharedMemoryBytesPerSession: 64 * 1024,
    sharedMemoryBytesPerDomainMax: 8 * 1024 * 1024,
  })
  await daemon.addDomains('web', 'db', 'app')
  return daemon
}

const daemon = await startDaemon(t, {
  partialFrameBytesPerDomainMax: UNFINISHED_BYTES_MAX,
  targetsPerDomainMax: TARGETS_MAX,
  sessionOutputBytesMax: OUTPUT_BYTES_MAX,
})
await daemon.addDomains('web', 'db')
const tight = await tightDaemon(t)
/** Where waits are short. */
const pinging = await startDaemon(t, { pingIntervalMs: 50, authenticationTimeoutMs: 200 })
await pinging.addDomains('web')
const { admin } = daemon

async function list(of: TestDaemon, query: string): Promise<DisconnectView[]> {
  const path = `/v1/disconnects?${query}`
  return (await of.admin.ask<{ disconnects: DisconnectView[] }>('GET', path)).disconnects
}

/** Attaches, is let in, and is ended by what the admin does. */
async function endedBy(act: (domain: string) => Promise<unknown>, domain = 'web'): Promise<void> {
  const path = daemon.socketPath
  const client = await RawUnixClient.attach(path, (await admin.issueToken(domain)).text)
  await act(domain)
  await client.closed()
}

/** A token that soon expires; a life that was over before the daemon heard of it is doubled. */
async function shortLived(of: TestDaemon, lifeMs: number): Promise<ShortLived> {
  for (let ms = lifeMs; ; ms *= 2) {
    const expiresAt = Date.now() + ms
    const path = '/v1/domains/web/tokens'
    const { status, body } = await of.admin.request<{ text: string }>('POST', path, { expiresAt })
    if (status === 201) return { text: body.text, expiresAt }
    if (Date.now() < expiresAt) throw new Error(`${status} ${JSON.stringify(body)}`)
  }
}

async function expiredToken(): Promise<string> {
  const { text, expiresAt } = await shortLived(daemon, 50)
  await until(
    () => Date.now(),
    now => now > expiresAt,
  )
  return text
}

/** Attached by a token that soon expires, but not before that. */
async function attachedForAWhile(of: TestDaemon): Promise<RawUnixClient> {
  for (let lifeMs = 200; ; lifeMs *= 2) {
    const { text, expiresAt } = await shortLived(of, lifeMs)
    const client = await RawUnixClient.attach(of.socketPath, text).catch((error: unknown) => {
      if (Date.now() < expiresAt) throw error
      return undefined
    })
    if (client !== undefined) return client
  }
}

/** Answers pings until the daemon ends the session. */
async function answerUntilEnded(client: RawUnixClient): Promise<void> {
  const answering = setInterval(() => client.write(encodePing(FRAME.PONG, 0, 0)), 10)
  await client.closed()
  clearInterval(answering)
}

/** Keeps the one place of those who have not said who they are while something is done. */
async function besideStranger(act: () => unknown): Promise<void> {
  const first = new RawUnixClient(tight.socketPath)
  await once(first.socket, 'connect')
  await turn()
  await act()
  first.end()
  await first.closed()
}

async function turnedAway(client: RawUnixClient | RawWsClient): Promise<void> {
  await client.closed()
}

const quarantine = (domain: string): Promise<unknown> =>
  admin.ask('PATCH', `/v1/domains/${domain}`, { enabled: false })
const release = (domain: string): Promise<unknown> =>
  admin.ask('PATCH', `/v1/domains/${domain}`, { enabled: true })

const turnedAwayFor = { limit: 1, used: 1, limitName: 'connectionsUnauthenticatedMax' }

/** What admins do, and what comes of limits; by the daemon that it is tried on. */
const waysByOthers = {
  'turned-away': [
    [
      'by a Unix socket',
      () => besideStranger(() => turnedAway(new RawUnixClient(tight.socketPath))),
      { ...turnedAwayFor, transport: 'unix', domain: undefined },
      tight,
    ],
    [
      'by the socket of a domain',
      () => besideStranger(() => turnedAway(new RawUnixClient(tight.domainSocket('web')))),
      { ...turnedAwayFor, transport: 'unix', domain: 'web' },
      tight,
    ],
    [
      'by WebSocket',
      () => besideStranger(() => turnedAway(new RawWsClient(tight.wsUrl))),
      { ...turnedAwayFor, transport: 'websocket', address: /^127/ },
      tight,
    ],
    [
      'in this process',
      () => besideStranger(() => tight.daemon.attach(memoryPair()[0], 'db')),
      { ...turnedAwayFor, transport: 'memory', domain: 'db' },
      tight,
    ],
    [
      'in a thread',
      () => besideStranger(() => void t.throws(() => tight.daemon.attachWorker('app'))),
      { ...turnedAwayFor, transport: 'shared-memory', domain: 'app' },
      tight,
    ],
  ],
  'hello-late': [
    [
      'no word',
      () => begin(pinging.socketPath),
      { transport: 'unix', limitName: 'authenticationTimeoutMs', limit: 200 },
      pinging,
    ],
  ],
  'domain-sessions': [
    [
      'a second session',
      async () => {
        const first = await attachUnix(tight)
        await begin(tight.socketPath, hello(tight.tokens.get('web')))
        first.end()
      },
      { domain: 'web', tokenId: 2, session: undefined, limit: 1, used: 1 },
      tight,
    ],
  ],
  'daemon-sessions': [
    [
      'a third session',
      async () => {
        const first = await RawUnixClient.attach(tight.domainSocket('web'))
        const second = await RawUnixClient.attach(tight.domainSocket('db'))
        await begin(tight.domainSocket('app'), hello())
        first.end()
        second.end()
      },
      { domain: 'app', limit: 2, used: 2 },
      tight,
    ],
  ],
  'shared-memory-full': [
    [
      'a thread',
      () => {
        const { port } = tight.daemon.attachWorker('web')
        t.throws(() => tight.daemon.attachWorker('web'))
        port.close()
      },
      { domain: 'web', transport: 'shared-memory', detail: /at most 8388608 bytes/ },
      tight,
    ],
  ],
  'domain-unknown': [
    [
      'a thread',
      () => void t.throws(() => daemon.daemon.attachWorker('ghost')),
      { domain: undefined, detail: /"ghost"/ },
    ],
    [
      'a domain that went before its client spoke',
      async () => {
        await admin.ask('POST', '/v1/domains', { name: 'brief' })
        const client = new RawUnixClient(daemon.domainSocket('brief'))
        await once(client.socket, 'connect')
        await admin.ask('DELETE', '/v1/domains/brief')
        client.write(hello())
        await client.closed()
      },
      { domain: 'brief', session: undefined, pid: native && process.pid },
    ],
  ],
  'token-unknown': [
    [
      'a token that nobody issued',
      () => begin(daemon.socketPath, hello('v4v_1_secret')),
      { domain: undefined, tokenId: undefined, pid: native && process.pid },
    ],
  ],
  'token-of-another': [
    [
      "web's token at db's socket",
      () => begin(daemon.domainSocket('db'), hello(daemon.tokens.get('web'))),
      { domain: 'web', tokenId: 2 },
    ],
  ],
  'token-expired': [
    [
      'before it attaches',
      async () => begin(daemon.socketPath, hello(await expiredToken())),
      { domain: 'web', session: undefined, tokenId: Number },
    ],
    [
      'while it is attached',
      async () => answerUntilEnded(await attachedForAWhile(pinging)),
      { domain: 'web', session: Number, tokenId: Number },
      pinging,
    ],
    [
      'some time after it was replaced',
      async () => {
        const { id, text } = await pinging.admin.issueToken('web')
        const client = await RawUnixClient.attach(pinging.socketPath, text)
        const ended = answerUntilEnded(client)
        await pinging.admin.ask('POST', `/v1/tokens/${id}/rotate`, { overlap: '200ms' })
        await ended
      },
      { domain: 'web', session: Number, tokenId: Number },
      pinging,
    ],
  ],
  'token-revoked': [
    [
      'while it is attached, and then again',
      async () => {
        const { id, text } = await admin.issueToken('web')
        const client = await RawUnixClient.attach(daemon.socketPath, text)
        await admin.ask('DELETE', `/v1/tokens/${id}`)
        await client.closed()
        await begin(daemon.socketPath, hello(text))
      },
      { domain: 'web', session: undefined, tokenId: Number, count: 2 },
    ],
    [
      'replaced by another',
      async () => {
        const { id, text } = await admin.issueToken('db')
        const client = await RawUnixClient.attach(daemon.socketPath, text)
        await admin.ask('POST', `/v1/tokens/${id}/rotate`, {})
        await client.closed()
      },
      { domain: 'db', session: Number, detail: /replaced/ },
    ],
  ],
  quarantine: [
    [
      'while it is attached',
      async () => {
        await endedBy(quarantine)
        await release('web')
      },
      { domain: 'web', session: Number },
    ],
    [
      'before it attaches, by its socket and by its token',
      async () => {
        await quarantine('db')
        await begin(daemon.domainSocket('db'), hello())
        await begin(daemon.socketPath, hello(daemon.tokens.get('db')))
        await release('db')
      },
      { domain: 'db', session: undefined, tokenId: 3, count: 2 },
    ],
  ],
  kicked: [
    [
      'with a reason',
      () =>
        endedBy(domain => admin.ask('POST', `/v1/domains/${domain}/kick`, { reason: 'upgrade' })),
      { domain: 'web', detail: 'an admin ended the session: upgrade', session: Number },
    ],
  ],
  'domain-removed': [
    [
      'with its session',
      async () => {
        await admin.ask('POST', '/v1/domains', { name: 'brief' })
        await endedBy(domain => admin.ask('DELETE', `/v1/domains/${domain}`), 'brief')
      },
      { domain: 'brief', session: Number },
    ],
  ],
  'ping-timeout': [
    [
      'a client that stands still',
      async () => (await attachUnix(pinging)).closed(),
      { domain: 'web', limitName: 'pingIntervalMs', limit: 50, used: 150 },
      pinging,
    ],
  ],
} satisfies Partial<Record<EndReason, readonly WayToEnd[]>>

/** All but `shutdown`, which the last case below is about: after it nothing can be tried. */
const ways: Readonly<Record<Exclude<EndReason, 'shutdown'>, readonly WayToEnd[]>> = {
  ...waysByClients,
  ...waysByOthers,
}
const needsNative = ['frame-beside-memory']

for (const [reason, tries] of Object.entries(ways) as [EndReason, readonly WayToEnd[]][]) {
  for (const [what, bringAbout, seen, on = daemon] of tries) {
    const skip = native === undefined && needsNative.includes(reason) && 'no memory is shared here'
    await t.test(`${reason}: ${what}`, { skip }, async t => {
      const before = (await list(on, '')).at(-1)?.seq ?? 0
      await bringAbout(on)
      const found = await until(
        async () => (await list(on, `reason=${reason}`)).at(-1),
        last => last !== undefined && last.seq > before,
      )
      const { by, code, sentence } = endReasonInfo(reason)
      t.match(found, { reason, by, ...(code !== null && { code }), sentence, count: Number })
      t.match(found, seen)
    })
  }
}

await t.test('shutdown: who is attached, and who comes while it goes down', async t => {
  const going = await startDaemon(t)
  await going.addDomains('web', 'db')
  const response = await fetch(`${going.url}/v1/disconnects?follow&reason=shutdown`, {
    headers: { authorization: `Bearer ${going.admin.token}` },
  })
  const client = await attachUnix(going)
  const closing = going.daemon.close()
  await turn()
  going.daemon.attach(memoryPair()[0], 'db')
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  await closing
  await client.closed()
  const seen = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as unknown)
  t.match(seen, [
    { reason: 'shutdown', domain: 'web', session: 1, code: 'ESHUTDOWN' },
    { reason: 'shutdown', domain: 'db', transport: 'memory' },
  ])
})

await t.test('there is a way for each reason of the table', t => {
  t.same([...Object.keys(ways), 'shutdown'].sort(), [...endReasons].sort())
  t.end()
})

await t.test('a session that ended says what it did, and whose process it was', async t => {
  await admin.addRule('accept', '*:*', '*:*')
  const web = await connect({ ...daemon.as('web'), sharedMemory: 'off' })
  const db = await connect({ ...daemon.as('db'), sharedMemory: 'off' })
  const ring = await web.bind(80)
  const sender = await db.bind(1)
  for (let i = 0; i < 5; i++) await sender.send('web:80', new Uint8Array(16))
  await ring.close()
  await web.close()
  await db.close()
  const [received] = await until(
    async () => (await list(daemon, 'domain=web&reason=left')).slice(-1),
    ([last]) => last?.datagramsReceived === 5,
  )
  t.match(received, { datagramsSent: 0, bytesReceived: 5 * 32, agent: /^node/ })
  const [sent] = await until(
    async () => (await list(daemon, 'domain=db&reason=left')).slice(-1),
    ([last]) => last !== undefined,
  )
  t.match(sent, { datagramsSent: 5, datagramsReceived: 0 })
  if (native !== undefined)
    t.match(sent, { pid: process.pid, uid: process.getuid!(), comm: String })
})

await t.test('a client that comes back in a loop is one entry, and no token is told', async t => {
  const loops = 40
  const before = (await list(daemon, 'domain=web&reason=frame-type')).at(-1)!
  for (let i = 0; i < loops; i++) {
    const client = await attachUnix(daemon)
    client.write(hello())
    await client.closed()
    await begin(daemon.socketPath, hello(`v4v_2_${'x'.repeat(43)}`))
  }
  const entries = await list(daemon, 'domain=web&reason=frame-type')
  const last = entries.at(-1)!
  const counted = entries.reduce(
    (sum, { seq, count }) => (seq >= before.seq ? sum + count : sum),
    0,
  )
  t.ok(counted >= loops, `${counted} are counted`)
  t.ok(last.count > 1 && last.firstAt < last.lastAt)
  const all = JSON.stringify(await list(daemon, ''))
  for (const token of [...daemon.tokens.values(), 'xxxxx']) t.notOk(all.includes(token))
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  const total = Number(/^v4v_disconnects_total\{reason="frame-type"\} (\d+)$/m.exec(metrics)?.[1])
  t.ok(total >= loops)
})
