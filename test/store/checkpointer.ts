import { statSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Checkpointer, type Checkpointed } from '../../src/store/checkpointer.js'
import type { Database } from '../../src/store/database.js'
import { until } from '../fixtures/daemon.js'
import { openTestDatabase } from './fixtures/open-test-store.js'

/** A database, and its file's length, which grows when its log is moved. */
function opened(t: Test): { db: Database; commit: (count: number) => void; length: () => number } {
  const db = openTestDatabase(t)
  db.checkpoint()
  const insert = db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)')
  let names = 0
  return {
    db,
    commit: count => {
      for (let i = 0; i < count; i++) {
        db.relaxed(() => insert.run(`${names++}`.padStart(5_000, '0')))
      }
    },
    length: () => statSync(db.path).size,
  }
}

function checkpointed(db: Database, isDurable: boolean): Checkpointed {
  return {
    path: db.path,
    isDurable,
    get commits() {
      return db.commits
    },
  }
}

void t.test('logs are moved after many commits, or after some time', async t => {
  for (const isDurable of [true, false]) {
    const { db, commit, length } = opened(t)
    const checkpointer = new Checkpointer([checkpointed(db, isDurable)], problem => t.fail(problem))
    const empty = length()
    checkpointer.tick()
    commit(1)
    checkpointer.tick()
    commit(63)
    t.equal(length(), empty, 'what is few is not moved')
    checkpointer.tick()
    await until(length, now => now > empty)
    const moved = length()
    commit(1)
    // Not at the next call, and not while the thread is busy.
    await until(
      () => {
        checkpointer.tick()
        return length()
      },
      now => now > moved,
    )
    await checkpointer.close()
  }
})

void t.test('a log that can not be moved is told, and the next one is moved', async t => {
  const { db, commit, length } = opened(t)
  const there = checkpointed(db, true)
  const gone = { path: `${db.path}.none`, isDurable: true, commits: 0 }
  const problems: string[] = []
  const checkpointer = new Checkpointer([gone, there], problem => problems.push(problem))
  t.teardown(() => checkpointer.close())
  const empty = length()
  gone.commits = 64
  commit(64)
  checkpointer.tick()
  await until(length, now => now > empty)
  t.match(problems, [/\.none/])
})

void t.test('without anything to move there is no thread to end', async t => {
  const { db } = opened(t)
  const checkpointer = new Checkpointer([checkpointed(db, true)], problem => t.fail(problem))
  checkpointer.tick()
  t.equal(await checkpointer.close(), undefined)
})
