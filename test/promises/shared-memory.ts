import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { loadNative } from '../../src/native/native.js'
import { connect, type V4vError } from '../../src/sdk/index.js'
import { endProcess, spawnDaemon, until, type DaemonProcess } from '../fixtures/daemon.js'
import { PeerProcess } from '../fixtures/peer-process.js'

// Memory that is shared with a client is given back however that client comes to its end, and a
// daemon's end is no harm to its clients.

const skip = (await loadNative()) === undefined ? 'no memory can be shared here' : false
t.setTimeout(230_000) // processes take their time to start on a busy machine

/** What a daemon has mapped and open for its clients. */
function held(daemon: DaemonProcess): { segments: number; openFiles: number } {
  const maps = readFileSync(`/proc/${daemon.child.pid}/maps`, 'utf8').split('\n')
  const segments = maps.filter(line => line.includes('/memfd:v4v')).length
  return { segments, openFiles: daemon.openFiles() }
}

/** Processor time of a process, in ticks of the system. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

await t.test('a client that is killed leaves no memory behind', { skip }, async t => {
  const daemon = await spawnDaemon(t)
  await daemon.addDomains('victim', 'sender')
  await daemon.admin.addRule('accept', '*:*', '*:*')
  const before = held(daemon)
  const sender = await connect({ ...daemon.as('sender'), sharedMemory: 'require' })
  const ring = await sender.bind(1)
  for (let round = 0; round < 3; round++) {
    const task = { kind: 'receive', ports: [80, 81], reads: 3 } as const
    const victim = await PeerProcess.start(daemon, 'victim', task)
    t.equal(held(daemon).segments, 2)
    // Killed while it is sent to, and while what it has not read lies in its memory.
    const sending = (async () => {
      while (ring.trySend('victim:80', new Uint8Array(1000)));
      await ring.send('victim:81', new Uint8Array(1000))
      for (;;) await ring.send('victim:81', new Uint8Array(1000))
    })().catch((error: unknown) => (error as V4vError).code)
    await sleep(20)
    await victim.kill()
    t.match(String(await sending), /ECONNRESET|ECONNREFUSED/)
    await until(
      () => held(daemon).segments,
      segments => segments === 1,
    )
  }
  await sender.close()
  const after = await until(
    () => held(daemon),
    seen => seen.segments === 0 && seen.openFiles <= before.openFiles,
  )
  t.same(after, before)
  t.same([await daemon.admin.rings(), await daemon.admin.sessions()], [[], []])
})

await t.test('when the daemon is killed its clients hear of it and live on', { skip }, async t => {
  const daemon = await spawnDaemon(t)
  await daemon.addDomains('web', 'db')
  await daemon.admin.addRule('accept', '*:*', '*:*')
  const web = await connect({ ...daemon.as('web'), sharedMemory: 'require' })
  const db = await connect({ ...daemon.as('db'), sharedMemory: 'require' })
  const inbox = await web.bind(80)
  const outbox = await db.bind(1)
  for (let i = 0; i < 10; i++) await outbox.send('web:80', Uint8Array.of(i))
  await inbox.receive()
  await endProcess(daemon.child, 'SIGKILL')
  for (const domain of [web, db]) t.match(await domain.closed, { code: 'ECONNRESET' })
  await t.rejects(outbox.send('web:80', new Uint8Array(1)), { code: 'ECONNRESET' })
  t.pass('nobody was killed by memory that went')
})

await t.test('who has nothing to do takes no processor', { skip }, async t => {
  const daemon = await spawnDaemon(t)
  await daemon.addDomains('web', 'db')
  await daemon.admin.addRule('accept', '*:*', '*:*')
  const web = await connect({ ...daemon.as('web'), sharedMemory: 'require' })
  const db = await connect({ ...daemon.as('db'), sharedMemory: 'require' })
  const inbox = await web.bind(80)
  const outbox = await db.bind(1)
  await outbox.send('web:80', new Uint8Array(1))
  await inbox.receive()
  const pid = daemon.child.pid!
  // Other work of the daemon, such as saving counters, comes and goes: one quiet stretch shows it.
  await until(
    async () => {
      const before = ticks(pid)
      await sleep(500)
      return ticks(pid) - before
    },
    used => used <= 1,
  )
  t.pass('the daemon slept')
  outbox.trySend('web:80', new Uint8Array(1))
  t.ok(await inbox.receive(), 'and woke')
  await Promise.all([web.close(), db.close()])
})
