import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { LOCK_FILE, lockState } from '../../src/store/state-lock.js'
import { DATABASE_FILE, openStore } from '../../src/store/store.js'
import { testRandom } from './fixtures/open-test-store.js'

const script = fileURLToPath(new URL('./fixtures/store-process.js', import.meta.url))

/** Starts a process on the folder and waits for its first line. */
async function start(t: Test, mode: 'hold' | 'open', folder: string) {
  const path = join(folder, DATABASE_FILE)
  const child: ChildProcess = spawn(process.execPath, [script, mode, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, line: line.toString().trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function refusalFor(folder: string): string {
  return `another daemon is running on ${folder}: stop it, or use another state folder`
}

await t.test('a folder is held once, also within one process, until it is released', async t => {
  const folder = t.testdir()
  const lock = lockState(folder)
  t.equal(statSync(join(folder, LOCK_FILE)).mode & 0o777, 0o600)
  for (let attempt = 0; attempt < 2; attempt++) {
    t.throws(() => lockState(folder), {
      failure: 'locked',
      code: 'EBUSY',
      message: refusalFor(folder),
    })
  }
  lock.release()
  lock.release()
  const next = lockState(folder)
  next.release()
  t.equal(statSync(join(folder, LOCK_FILE)).size, 0)
})

await t.test('a folder that is not there says so', async t => {
  t.throws(() => lockState(join(t.testdir(), 'missing')), {
    name: 'StoreError',
    failure: 'not-writable',
  })
})

await t.test('something else in the place of the lock file says so', async t => {
  t.throws(() => lockState(t.testdir({ [LOCK_FILE]: {} })), {
    name: 'StoreError',
    failure: 'not-writable',
  })
})

await t.test('a second process is refused, and admitted when the first was killed', async t => {
  const folder = t.testdir()
  const first = await start(t, 'hold', folder)
  t.equal(first.line, 'opened')
  const second = await start(t, 'open', folder)
  t.equal(second.line, refusalFor(folder))
  t.throws(() => lockState(folder), { name: 'StoreError', failure: 'locked' })
  await kill(first.child)
  const third = await start(t, 'open', folder)
  t.equal(third.line, 'opened')
})

await t.test('a process that was refused did not loosen the lock of the first', async t => {
  const folder = t.testdir()
  const store = openStore(join(folder, DATABASE_FILE), { now: () => 0, ...testRandom })
  t.throws(() => openStore(join(folder, DATABASE_FILE), { now: () => 0, ...testRandom }), {
    name: 'StoreError',
    failure: 'locked',
  })
  t.equal((await start(t, 'open', folder)).line, refusalFor(folder))
  store.close()
  t.equal((await start(t, 'open', folder)).line, 'opened')
})
