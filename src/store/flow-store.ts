import { existsSync, renameSync, rmSync } from 'node:fs'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import type { SeenFlow } from '../policy/seen-flow.js'
import type { Checkpointed } from './checkpointer.js'
import type { Database, Statement } from './database.js'
import { checkDatabase, LOG_ENDINGS, openDatabase, readDatabase } from './database-file.js'
import type { Migration } from './migrations.js'
import { StoreError } from './store-error.js'

/** The name of the file of flows in the state folder. */
export const FLOWS_FILE = 'flows.sqlite'
/** What is added in one transaction at most. */
export const FLOWS_PER_WRITE_MAX = 100

const DAY_MS = 86_400_000
/** Rows that are removed in one transaction at most. */
const ROWS_PER_PRUNE = 100

const steps: readonly Migration[] = [
  `
  -- What became of datagrams, one row for each flow and day.
  CREATE TABLE flows (
    day INTEGER NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    destination_port INTEGER NOT NULL,
    source_port INTEGER NOT NULL,
    type TEXT NOT NULL,
    effect TEXT NOT NULL,
    rule TEXT NOT NULL,
    datagrams INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (day, source, destination, destination_port, source_port, type, effect, rule)
  ) STRICT, WITHOUT ROWID;
  `,
]

/** Which flows are asked for. */
export interface FlowsQuery {
  /** Only those seen at or after this time, in milliseconds since the epoch. */
  readonly since: number
  readonly effect?: FlowVerdict | undefined
  readonly source?: string | undefined
  readonly destination?: string | undefined
  readonly rule?: string | undefined
}

/** How much of the past is kept. */
export interface FlowsKept {
  readonly bytesMax: number
  readonly ageMsMax: number
}

type FlowRow = Omit<SeenFlow, 'type' | 'effect'> & {
  readonly type: string
  readonly effect: string
}

const columns = `source, source_port AS sourcePort, destination, destination_port AS destinationPort,
  type, effect, rule, CAST(datagrams AS REAL) AS datagrams, CAST(bytes AS REAL) AS bytes,
  first_at AS firstAt, last_at AS lastAt`
const matching = `last_at >= ? AND day >= ? AND (? IS NULL OR effect = ?)
  AND (? IS NULL OR source = ?) AND (? IS NULL OR destination = ?) AND (? IS NULL OR rule = ?)`

/**
 * What became of which flows, in a file of its own: it may be lost without harm, so it waits for no
 * disk, and it can't fill the file that the policy is in.
 */
export class FlowStore implements Checkpointed {
  readonly path: string
  readonly isDurable = false
  readonly #db: Database
  readonly #kept: FlowsKept
  readonly #add: Statement<(string | number)[], never>
  readonly #dropBefore: Statement<[number, number], never>
  readonly #dropOldest: Statement<[number], never>

  constructor(db: Database, kept: FlowsKept) {
    this.path = db.path
    this.#db = db
    this.#kept = kept
    db.forgoSync()
    this.#add = db.prepare(
      `INSERT INTO flows (day, source, destination, destination_port, source_port, type, effect,
         rule, datagrams, bytes, first_at, last_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET
         datagrams = datagrams + excluded.datagrams, bytes = bytes + excluded.bytes,
         first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)`,
    )
    const key = 'day, source, destination, destination_port, source_port, type, effect, rule'
    const oldest = (where: string): string =>
      `DELETE FROM flows WHERE (${key}) IN
         (SELECT ${key} FROM flows ${where} ORDER BY ${key} LIMIT ?)`
    this.#dropBefore = db.prepare(oldest('WHERE day < ?'))
    this.#dropOldest = db.prepare(oldest(''))
  }

  /** How many transactions were committed so far. */
  get commits(): number {
    return this.#db.commits
  }

  /** Adds to what was seen of flows; FLOWS_PER_WRITE_MAX of them at most. */
  add(flows: readonly SeenFlow[]): void {
    this.#db.transaction(() => {
      for (const flow of flows) {
        this.#add.run(
          dayOf(flow.lastAt),
          flow.source,
          flow.destination,
          flow.destinationPort,
          flow.sourcePort,
          flow.type,
          flow.effect,
          flow.rule,
          flow.datagrams,
          flow.bytes,
          flow.firstAt,
          flow.lastAt,
        )
      }
    })
  }

  /**
   * Removes some of what is too old, or does not fit.
   * @returns whether there is more of it.
   */
  prune(now: number): boolean {
    const { ageMsMax, bytesMax } = this.#kept
    const old = this.#dropBefore.run(dayOf(now - ageMsMax), ROWS_PER_PRUNE)
    if (old.changes > 0) return true
    return this.#db.usedBytes() > bytesMax && this.#dropOldest.run(ROWS_PER_PRUNE).changes > 0
  }

  /** Bytes that are used of the file. */
  bytes(): number {
    return this.#db.usedBytes()
  }

  close(): void {
    this.#db.close()
  }
}

/**
 * Opens the file of flows, creating it where there is none. One that can't be read is put aside
 * under the name PATH.damaged, and a new one begun.
 * @param onDamaged told what was wrong with it.
 * @throws StoreError when the file can't be made.
 */
export function openFlowStore(
  path: string,
  kept: FlowsKept,
  onDamaged: (error: StoreError) => void = () => undefined,
): FlowStore {
  try {
    return new FlowStore(openDatabase(path, steps, 'quick_check'), kept)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    onDamaged(error)
    if (existsSync(path)) renameSync(path, `${path}.damaged`)
    for (const ending of LOG_ENDINGS) rmSync(path + ending, { force: true })
    return new FlowStore(openDatabase(path, steps, 'quick_check'), kept)
  }
}

/**
 * Looks at a file of flows, and changes nothing.
 * @returns why it would be put aside; undefined when it would not.
 * @throws StoreError when a daemon could not start with it.
 */
export function checkFlows(path: string): string | undefined {
  try {
    checkDatabase(path, steps, 'quick_check')
    return undefined
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return error.message
  }
}

/** Of what is wrong with a file, what another file helps against. */
function isUnreadable(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false
  return ['corrupt', 'foreign', 'newer'].includes(error.failure)
}

/**
 * Reads all flows seen since a time, a row at a time, while the daemon goes on writing: for another
 * thread. Closes the file when it is done.
 */
export function* readFlows(path: string, since: number): Generator<SeenFlow, void, undefined> {
  const db = readDatabase(path)
  try {
    const all = db.prepare<(string | number | null)[], FlowRow>(
      `SELECT ${columns} FROM flows WHERE ${matching}`,
    )
    for (const row of all.iterate(...paramsOf({ since }))) yield flowOf(row)
  } finally {
    db.close()
  }
}

/**
 * Finds flows of a query, those seen last first; a flow seen on several days is there for each. It
 * looks at all that is written down, which takes long: for another thread.
 */
export function findFlows(path: string, query: FlowsQuery, limit: number): SeenFlow[] {
  const db = readDatabase(path)
  try {
    const found = db.prepare<(string | number | null)[], FlowRow>(
      `SELECT ${columns} FROM flows WHERE ${matching} ORDER BY last_at DESC LIMIT ?`,
    )
    return found.all(...paramsOf(query), limit).map(flowOf)
  } finally {
    db.close()
  }
}

function paramsOf(query: FlowsQuery): (string | number | null)[] {
  const { since, effect = null, source = null, destination = null, rule = null } = query
  const twice = [effect, source, destination, rule].flatMap(value => [value, value])
  return [since, dayOf(since), ...twice]
}

function dayOf(at: number): number {
  return Math.floor(at / DAY_MS)
}

// What is written is of these types; a file that says otherwise is damaged, and nothing hangs on it.
function flowOf(row: FlowRow): SeenFlow {
  return row as SeenFlow
}
