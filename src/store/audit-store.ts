import { createHash } from 'node:crypto'
import type { Clock } from '../util/clock.js'
import { NO_RECORD, type AuditHead } from './audit-head.js'
import type { Database, SqlValue, Statement } from './database.js'
import { cutText, type StoreLimits } from './limits.js'

/** By an admin's token, by access to the state folder, or the daemon by itself. */
export type AuditAuth = 'token' | 'file' | 'daemon'

/** What an admin did. */
export interface AuditEntry {
  /** Who: an admin's token by its id, or the daemon itself. */
  readonly actor: string
  /** How whoever it was is known. */
  readonly auth?: AuditAuth | undefined
  /** From where: an address, or a user of this machine. */
  readonly origin?: string | undefined
  /** What, as noun and verb: `rule.insert`, `token.revoke`. */
  readonly action: string
  /** To what: a rule's id, a domain's name. */
  readonly target: string
  /** The policy's revisions, for an action that made a new one. */
  readonly revisionBefore?: number | undefined
  readonly revisionAfter?: number | undefined
  readonly reason?: string | undefined
  /** Anything else worth keeping, as JSON. Never a secret. */
  readonly detail?: object | undefined
}

/** An entry as it is kept. */
export interface AuditRecord {
  /** Counted from 1, without a gap. */
  readonly seq: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly actor: string
  /** These two are undefined in records of before they were kept. */
  readonly auth: string | undefined
  readonly origin: string | undefined
  readonly action: string
  readonly target: string
  readonly revisionBefore: number | undefined
  readonly revisionAfter: number | undefined
  readonly reason: string
  readonly detail: unknown
  /** SHA-256 over the hash before and this record, in hex. */
  readonly hash: string
}

export type AuditVerdict =
  | { readonly ok: true; readonly records: number; readonly hash: string }
  | { readonly ok: false; readonly seq: number; readonly message: string }

interface AuditRow {
  readonly seq: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly revisionBefore: number | null
  readonly revisionAfter: number | null
  readonly reason: string
  readonly detail: string | null
  readonly auth: string | null
  readonly origin: string | null
  readonly hash: Uint8Array
}

type AuditContent = Omit<AuditRow, 'hash'>

interface Head {
  readonly seq: number
  readonly hash: Uint8Array
}

/** What the daemon does when it finds that the log has lost its end, or was put back. */
export const LOST_ACTION = 'audit.lost'

const columns = `seq, at, actor, action, target, revision_before AS revisionBefore,
  revision_after AS revisionAfter, reason, detail, auth, origin, hash`
const firstHash = Buffer.alloc(32)
/** Records that are checked at a time. */
const VERIFY_STEP = 200
/** No log gets that long: a number beyond it is not what was written. */
const SEQ_MAX = 2 ** 52

/**
 * What admins did, append-only and hash-chained: a record that was changed, removed or slipped in
 * later no longer fits the hashes after it. Append in the transaction of the change itself, so
 * that neither is there without the other.
 */
export class AuditStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #limits: StoreLimits
  readonly #head: Statement<[], Head>
  readonly #last: Statement<[number], { readonly seq: number | null }>
  readonly #setHead: Statement<[number, Uint8Array], never>
  readonly #insert: Statement<SqlValue[], never>
  readonly #before: Statement<[number, number], AuditRow>
  readonly #after: Statement<[number, number], AuditRow>

  constructor(db: Database, clock: Clock, limits: StoreLimits) {
    this.#db = db
    this.#clock = clock
    this.#limits = limits
    this.#head = db.prepare('SELECT seq, hash FROM audit_head')
    this.#last = db.prepare('SELECT max(seq) AS seq FROM audit WHERE seq < ?')
    this.#setHead = db.prepare('UPDATE audit_head SET seq = ?, hash = ?')
    this.#insert = db.prepare(
      `INSERT INTO audit (seq, at, actor, action, target, revision_before, revision_after, reason,
         detail, auth, origin, hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#before = db.prepare(
      `SELECT ${columns} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
    )
    this.#after = db.prepare(`SELECT ${columns} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`)
  }

  /** Adds a record after the last one, also to a log that is damaged. */
  append(entry: AuditEntry): AuditRecord {
    return this.#db.transaction(() => {
      const { seq: last, hash: before } = this.#readHead()
      const content: AuditContent = {
        seq: last + 1,
        at: this.#clock.now(),
        actor: wellFormed(cutText(entry.actor, this.#limits.authorCharsMax)),
        action: wellFormed(entry.action),
        target: wellFormed(cutText(entry.target, this.#limits.authorCharsMax)),
        revisionBefore: entry.revisionBefore ?? null,
        revisionAfter: entry.revisionAfter ?? null,
        reason: wellFormed(cutText(entry.reason ?? '', this.#limits.reasonCharsMax)),
        detail: entry.detail === undefined ? null : this.#detailOf(entry.detail),
        auth: entry.auth ?? null,
        origin:
          entry.origin === undefined
            ? null
            : wellFormed(cutText(entry.origin, this.#limits.authorCharsMax)),
      }
      const row: AuditRow = { ...content, hash: hashOf(before, content) }
      this.#insert.run(...valuesOf(row), ...whenceOf(row), row.hash)
      this.#setHead.run(row.seq, row.hash)
      return recordOf(row)
    })
  }

  /**
   * Records from the newest back.
   * @param limit how many at most, from 1.
   * @param before only records older than this one's seq.
   */
  list(limit: number, before: number = Number.MAX_SAFE_INTEGER): AuditRecord[] {
    return this.#before.all(before, limit).map(recordOf)
  }

  /**
   * Records from an old one on.
   * @param limit how many at most, from 1.
   * @param after only records newer than this one's seq.
   */
  listFrom(limit: number, after: number): AuditRecord[] {
    return this.#after.all(after, limit).map(recordOf)
  }

  /** How many records there are. */
  size(): number {
    return this.#readHead().seq
  }

  /** The end of the log: kept elsewhere, it proves later that nothing was cut off. */
  head(): AuditHead {
    const { seq, hash } = this.#readHead()
    return { seq, hash: hex(hash) }
  }

  /**
   * Whether the log still has the record that was its end once.
   * @returns what was lost, in words for a person; undefined when nothing was.
   */
  lostSince(head: AuditHead): string | undefined {
    if (head.seq === 0) return undefined
    const [row] = this.#after.all(head.seq - 1, 1)
    if (row?.seq === head.seq) {
      if (hex(row.hash) === head.hash) return undefined
      return `audit record ${head.seq} is not the one it was: the log was put back to an earlier state and went on, or was written anew`
    }
    const seq = this.size()
    if (seq >= head.seq) return `audit record ${head.seq} is missing`
    return `the audit log ends with record ${seq}, and there was a record ${head.seq}: at least records ${seq + 1} to ${head.seq} are lost`
  }

  /**
   * Computes the whole chain again.
   * @param head what the end was once: the log must still have it. Losses that the log itself notes
   *   before it are known, and all others are told.
   * @returns how many records there are and the last hash; or the first record that is not what was
   *   written, or not there any more.
   */
  verify(head?: AuditHead): AuditVerdict {
    const steps = this.verifySteps(head)
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
    }
  }

  /** The same a few records at a time, for whoever has other things to do in between. */
  *verifySteps(head: AuditHead = NO_RECORD): Generator<void, AuditVerdict, undefined> {
    let seq = 0
    let hash: Uint8Array = firstHash
    let loss: AuditRow | undefined
    for (;;) {
      const rows = this.#after.all(seq, VERIFY_STEP)
      if (rows.length === 0) break
      for (const row of rows) {
        seq++
        if (row.seq !== seq) return broken(seq, `audit record ${seq} is missing`)
        hash = hashOf(hash, row)
        if (!equal(hash, row.hash)) return broken(seq, `audit record ${seq} was changed`)
        if (row.action === LOST_ACTION && seq > head.seq) loss = row
      }
      yield
    }
    const end = this.#head.get()
    if (end?.seq !== seq || !equal(hash, end.hash)) {
      return broken(seq + 1, `the audit log does not end with record ${seq}`)
    }
    const lost = this.lostSince(head)
    if (lost !== undefined) return broken(Math.min(seq + 1, head.seq), lost)
    if (loss !== undefined) {
      return broken(loss.seq, `audit record ${loss.seq} says that others were lost: ${loss.reason}`)
    }
    return { ok: true, records: seq, hash: hex(hash) }
  }

  // A detail that is too long would be cut into something that is no JSON.
  #detailOf(detail: object): string {
    const text = JSON.stringify(detail)
    if (text.length <= this.#limits.auditDetailCharsMax) return text
    return JSON.stringify({ leftOut: `${text.length} characters` })
  }

  // Whatever damage made of it, the next record gets a number that is free: without a record there
  // is no change. verify() looks at the row itself.
  #readHead(): Head {
    const head = this.#head.get()
    const last = this.#last.get(SEQ_MAX)?.seq ?? 0
    if (head !== undefined && head.seq >= last && head.seq < SEQ_MAX) return head
    return { seq: last, hash: head?.hash ?? firstHash }
  }
}

// SQLite's text is UTF-8, which has no halves of surrogate pairs: what is hashed is what is kept.
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

function broken(seq: number, message: string): AuditVerdict {
  return { ok: false, seq, message }
}

/** What a record says but for whence it came, in the order of its columns. */
function valuesOf(row: AuditContent): SqlValue[] {
  const { seq, at, actor, action, target, revisionBefore, revisionAfter, reason, detail } = row
  return [seq, at, actor, action, target, revisionBefore, revisionAfter, reason, detail]
}

function whenceOf({ auth, origin }: AuditContent): SqlValue[] {
  return [auth, origin]
}

// The values in a fixed order as JSON, which keeps one apart from the next and text from numbers.
// Records of before it was kept whence they came were hashed without.
function hashOf(before: Uint8Array, row: AuditContent): Buffer {
  const whence = whenceOf(row)
  const isKnown = whence.some(value => value !== null)
  const content = JSON.stringify(isKnown ? [...valuesOf(row), ...whence] : valuesOf(row))
  return createHash('sha256').update(before).update(content).digest()
}

// Damaged storage may hand back text where bytes were written.
function equal(hash: Uint8Array, stored: unknown): boolean {
  return stored instanceof Uint8Array && Buffer.compare(hash, stored) === 0
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}

function recordOf(row: AuditRow): AuditRecord {
  return {
    ...row,
    auth: row.auth ?? undefined,
    origin: row.origin ?? undefined,
    revisionBefore: row.revisionBefore ?? undefined,
    revisionAfter: row.revisionAfter ?? undefined,
    detail: row.detail === null ? undefined : (JSON.parse(row.detail) as unknown),
    hash: hex(row.hash),
  }
}
