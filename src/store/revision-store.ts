import { createHash } from 'node:crypto'
import type { Clock } from '../util/clock.js'
import type { Database, Statement } from './database.js'
import { cutText, type StoreLimits } from './limits.js'
import { Sequence } from './sequence.js'
import { damaged } from './store-error.js'

/** What a revision of the policy is, without the policy itself. */
export interface RevisionInfo {
  /** Counted from 1. */
  readonly revision: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly author: string
  readonly reason: string
  /** SHA-256 of its body, in hex. */
  readonly hash: string
  /** How its body is written. */
  readonly format: number
  /** How many rules it has. */
  readonly rules: number
  /** How long its body is. */
  readonly bytes: number
}

export interface Revision extends RevisionInfo {
  readonly body: Uint8Array
}

/** A revision to be added. */
export interface NewRevision {
  readonly author: string
  readonly reason: string
  readonly format: number
  readonly rules: number
  readonly body: Uint8Array
  /** SHA-256 of the body. */
  readonly hash: Uint8Array
  /** The highest number in an id such as r7 that was handed out so far. */
  readonly lastRuleNumber?: number | undefined
  /** A number that it has to be above, besides that of the newest. */
  readonly above?: number | undefined
}

/** A revision that goes away again unless somebody confirms it. */
export interface Unconfirmed {
  readonly revision: number
  /** The revision whose policy comes back then. */
  readonly backTo: number
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number
  readonly author: string
}

interface InfoRow extends Omit<RevisionInfo, 'hash'> {
  readonly hash: Uint8Array
}

const columns = 'revision, at, author, reason, hash, format, rules, bytes'
/** The newest and the one before it are kept whatever their size: there is always a way back. */
const KEPT_ALWAYS = 2

/**
 * The revisions of the policy. The newest is the one in force: what the rules are is written
 * nowhere else. A revision never changes; to go back to an older one is a new revision.
 */
export class RevisionStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #limits: StoreLimits
  readonly #numbers: Sequence
  readonly #last: Statement<[], { revision: number | null }>
  readonly #get: Statement<[number], InfoRow & { readonly body: Uint8Array }>
  readonly #before: Statement<[number, number], InfoRow>
  readonly #insert: Statement<
    [number, number, string, string, Uint8Array, number, number, number, Uint8Array],
    never
  >
  readonly #sizes: Statement<[], { revision: number; bytes: number }>
  readonly #dropUpTo: Statement<[number], never>
  readonly #unconfirmed: Statement<[], Unconfirmed>
  readonly #setUnconfirmed: Statement<[number, number, number, string], never>
  readonly #clearUnconfirmed: Statement<[], never>

  constructor(db: Database, clock: Clock, limits: StoreLimits) {
    this.#db = db
    this.#clock = clock
    this.#limits = limits
    this.#numbers = new Sequence(db, 'rule')
    this.#last = db.prepare('SELECT max(revision) AS revision FROM policies')
    this.#get = db.prepare(`SELECT ${columns}, body FROM policies WHERE revision = ?`)
    this.#before = db.prepare(
      `SELECT ${columns} FROM policies WHERE revision < ? ORDER BY revision DESC LIMIT ?`,
    )
    this.#insert = db.prepare(
      `INSERT INTO policies (${columns}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#sizes = db.prepare('SELECT revision, bytes FROM policies ORDER BY revision DESC')
    this.#dropUpTo = db.prepare('DELETE FROM policies WHERE revision <= ?')
    this.#unconfirmed = db.prepare(
      'SELECT revision, back_to AS backTo, deadline, author FROM unconfirmed',
    )
    this.#setUnconfirmed = db.prepare(
      `INSERT OR REPLACE INTO unconfirmed (only, revision, back_to, deadline, author)
       VALUES (1, ?, ?, ?, ?)`,
    )
    this.#clearUnconfirmed = db.prepare('DELETE FROM unconfirmed')
  }

  /** The newest revision's number; 0 before the first one. */
  currentRevision(): number {
    return this.#last.get()?.revision ?? 0
  }

  /** The highest number that was used in an id such as r7. */
  lastRuleNumber(): number {
    return this.#numbers.last()
  }

  /**
   * Adds a revision behind the newest one; the oldest make way. Whatever was waiting to be
   * confirmed is not any more.
   * @returns its number.
   */
  append(revision: NewRevision): number {
    return this.#db.transaction(() => {
      const { author, reason, format, rules, body, hash, lastRuleNumber = 0, above = 0 } = revision
      const number = Math.max(this.currentRevision(), above) + 1
      this.#insert.run(
        number,
        this.#clock.now(),
        cutText(author, this.#limits.authorCharsMax),
        cutText(reason, this.#limits.reasonCharsMax),
        hash,
        format,
        rules,
        body.length,
        body,
      )
      if (lastRuleNumber > 0) this.#numbers.raise(lastRuleNumber)
      this.#clearUnconfirmed.run()
      this.#prune()
      return number
    })
  }

  /**
   * Revisions from the newest back.
   * @param limit how many at most, from 1.
   * @param before only revisions older than this one.
   */
  history(limit: number, before: number = Number.MAX_SAFE_INTEGER): RevisionInfo[] {
    return this.#before.all(before, limit).map(infoOf)
  }

  /**
   * A revision with its body, if it is still kept.
   * @throws StoreError 'corrupt' when its body does not fit its hash.
   */
  get(revision: number): Revision | undefined {
    const row = this.#get.get(revision)
    if (row === undefined) return undefined
    if (!hashOf(row.body).equals(row.hash)) {
      throw damaged(this.#db.path, `the policy of revision ${revision} does not fit its hash`)
    }
    return { ...infoOf(row), body: row.body }
  }

  /** How many revisions are kept, and the sum of their bodies. */
  size(): { readonly revisions: number; readonly bytes: number } {
    const rows = this.#sizes.all()
    return { revisions: rows.length, bytes: rows.reduce((sum, row) => sum + row.bytes, 0) }
  }

  /** The revision that waits to be confirmed, if there is one. */
  unconfirmed(): Unconfirmed | undefined {
    return this.#unconfirmed.get()
  }

  /** Lets the newest revision wait to be confirmed. */
  expectConfirmation({ revision, backTo, deadline, author }: Unconfirmed): void {
    const name = cutText(author, this.#limits.authorCharsMax)
    this.#setUnconfirmed.run(revision, backTo, deadline, name)
  }

  /** Nothing waits to be confirmed any more. @returns false when nothing did. */
  confirm(): boolean {
    return this.#clearUnconfirmed.run().changes > 0
  }

  #prune(): void {
    const { revisionsMax, revisionBytesMax } = this.#limits
    let bytes = 0
    for (const [index, row] of this.#sizes.all().entries()) {
      bytes += row.bytes
      if (index < KEPT_ALWAYS) continue
      if (index < revisionsMax && bytes <= revisionBytesMax) continue
      this.#dropUpTo.run(row.revision)
      return
    }
  }
}

/** SHA-256 of a revision's body. */
export function hashOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest()
}

function infoOf(row: InfoRow): RevisionInfo {
  const { revision, at, author, reason, hash, format, rules, bytes } = row
  const hex = Buffer.from(hash).toString('hex')
  return { revision, at, author, reason, hash: hex, format, rules, bytes }
}
