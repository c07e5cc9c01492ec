import { dirname, join } from 'node:path'
import type { Clock } from '../util/clock.js'
import { formatHead, HEAD_FILE, HeadFile } from './audit-head.js'
import { AuditStore, LOST_ACTION } from './audit-store.js'
import { AuditModeStore } from './audit-mode-store.js'
import type { Checkpointed } from './checkpointer.js'
import { CounterStore } from './counter-store.js'
import type { Database } from './database.js'
import { openDatabase } from './database-file.js'
import { GrantStore } from './grant-store.js'
import { DisconnectStore } from './disconnect-store.js'
import { DomainStore } from './domain-store.js'
import { defaultStoreLimits, type StoreLimits } from './limits.js'
import { RevisionStore } from './revision-store.js'
import { dropUnsound } from './seal.js'
import { SetStore } from './set-store.js'
import { lockState, type StateLock } from './state-lock.js'
import { TokenStore, type Random } from './token-store.js'

/** The name of the database in the state folder. */
export const DATABASE_FILE = 'v4vd.sqlite'

/** Who makes a change that nobody asked for at that moment. */
export const DAEMON = 'daemon'
/** Of the rows that were dropped, those that the audit log names. */
const DROPPED_TOLD_MAX = 100

export interface StoreOptions extends Clock, Random {
  /** Bounds that differ from the default ones. */
  readonly limits?: Partial<StoreLimits> | undefined
}

/** How much a store keeps. */
export interface StoreSize {
  readonly databaseBytes: number
  readonly auditRecords: number
  readonly revisions: number
  readonly revisionBytes: number
}

/** Everything a daemon has to know again after a restart. */
export class Store implements Checkpointed {
  readonly path: string
  readonly isDurable = true
  readonly domains: DomainStore
  readonly tokens: TokenStore
  readonly policies: RevisionStore
  readonly sets: SetStore
  readonly counters: CounterStore
  readonly audit: AuditStore
  readonly auditModes: AuditModeStore
  readonly grants: GrantStore
  readonly disconnects: DisconnectStore
  /** Rows that were not what was written when it was opened, and are gone now; for a person. */
  readonly dropped: readonly string[]
  readonly #db: Database
  readonly #lock: StateLock
  /** Where the end of the audit log is written, once it was compared. */
  #headFile: HeadFile | undefined

  constructor(db: Database, lock: StateLock, options: StoreOptions) {
    const limits = { ...defaultStoreLimits, ...options.limits }
    this.path = db.path
    this.#db = db
    this.#lock = lock
    this.domains = new DomainStore(db, options, limits)
    this.tokens = new TokenStore(db, options, options, limits, this.domains)
    this.counters = new CounterStore(db)
    this.policies = new RevisionStore(db, options, limits)
    this.sets = new SetStore(db, options, limits)
    this.audit = new AuditStore(db, options, limits)
    this.auditModes = new AuditModeStore(db)
    this.grants = new GrantStore(db, options, limits)
    this.disconnects = new DisconnectStore(db)
    this.dropped = this.transaction(() => this.#dropUnsound())
  }

  /**
   * Runs `work` in one transaction: when it returns, everything in it is on the disk; when it
   * throws, nothing of it has happened. A refusal inside is a value and undoes nothing but itself.
   * @param work synchronous.
   */
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work)
  }

  /**
   * Like `transaction`, but does not wait for the disk, as `synced` does: until then a power cut,
   * though not a killed process, may undo it.
   */
  relaxed<T>(work: () => T): T {
    return this.#db.relaxed(work)
  }

  /**
   * Waits until everything that was committed is on the disk, and the file with the end of the audit
   * log says so; others get their turn meanwhile.
   * @throws StoreError when the disk fails.
   */
  async synced(): Promise<void> {
    // Of before: that file must not say more than what is on the disk.
    const head = this.#headFile && this.audit.head()
    await this.#db.synced()
    if (head !== undefined) await this.#headFile?.write(head)
  }

  /**
   * Compares the audit log with the file beside it that says how it ended, and keeps that up to date
   * from then on: once, after a first start has filled the store.
   * @returns what was lost, which is written into the audit log, too; undefined when nothing was.
   * @throws StoreError when the file can't be written.
   */
  followHead(): string | undefined {
    const file = new HeadFile(join(dirname(this.path), HEAD_FILE))
    const head = file.read()
    const lost = head && this.audit.lostSince(head)
    if (head !== undefined && lost !== undefined) {
      this.audit.append({
        actor: DAEMON,
        auth: 'daemon',
        action: LOST_ACTION,
        target: formatHead(head),
        reason: lost,
      })
    }
    file.writeNow(this.audit.head())
    this.#headFile = file
    return lost
  }

  /** How many transactions were committed so far. */
  get commits(): number {
    return this.#db.commits
  }

  /** How much is kept: the file itself, and what in it grows. */
  size(): StoreSize {
    const { revisions, bytes } = this.policies.size()
    return {
      databaseBytes: this.#db.bytes(),
      auditRecords: this.audit.size(),
      revisions,
      revisionBytes: bytes,
    }
  }

  /** Empties the write-ahead log into the database: for idle moments. */
  checkpoint(): void {
    this.#db.checkpoint()
  }

  #dropUnsound(): readonly string[] {
    const rows = dropUnsound(this.#db)
    if (rows.length > 0) {
      this.audit.append({
        actor: DAEMON,
        auth: 'daemon',
        action: 'state.drop',
        target: `${rows.length} damaged rows`,
        reason: 'they were not what was written, so they may let nobody do anything',
        detail: { rows: rows.slice(0, DROPPED_TOLD_MAX) },
      })
    }
    return rows
  }

  /** Closes the database and lets go of the state folder; closing again changes nothing. */
  close(): void {
    try {
      this.#db.close()
    } finally {
      this.#lock.release()
    }
  }
}

/**
 * Opens the store, creating it where there is none, and holds its folder for this process.
 * @param path of the database, in a folder that exists.
 * @throws StoreError when the folder is held by another daemon or can't be written, or when the
 *   database is damaged, of another program, or of a newer version.
 */
export function openStore(path: string, options: StoreOptions): Store {
  const lock = lockState(dirname(path))
  let db: Database | undefined
  try {
    db = openDatabase(path)
    return new Store(db, lock, options)
  } catch (error) {
    db?.close()
    lock.release()
    throw error
  }
}
