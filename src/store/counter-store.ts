import { ACTIONS, type Action } from '../policy/rule.js'
import type { Database, Statement } from './database.js'

/** What a rule has decided since it was added, or since its counter was zeroed. */
export interface RuleCounters {
  /** A rule's id, or DEFAULT_ID for what no rule matched. */
  readonly id: string
  readonly hits: number
  readonly bytes: number
  /** Milliseconds since the Unix epoch. */
  readonly lastHit: number | undefined
  /** Of the hits and bytes, those that were delivered only because of audit mode. */
  readonly audited: number
  readonly auditedBytes: number
  /** Datagrams that a limit of the rule refused. */
  readonly limited: number
  /** Bytes of its quota that are used, since a time in milliseconds since the Unix epoch. */
  readonly quotaUsed: number
  readonly quotaSince: number
}

/** Datagrams and bytes that were decided. */
export interface Decided {
  readonly hits: number
  readonly bytes: number
}

/** What rules that are gone have decided, or others before they were zeroed, by what they said. */
export type Retired = Readonly<Record<Action, Decided>>

/**
 * What rules have decided, kept by their ids over changes of the table and restarts. What rules
 * that are gone have decided is kept as a sum, so that nothing that was decided is ever lost.
 */
export class CounterStore {
  readonly #db: Database
  readonly #save: Statement<
    [
      id: string,
      hits: number,
      bytes: number,
      lastHit: number | null,
      audited: number,
      auditedBytes: number,
      limited: number,
      quotaUsed: number,
      quotaSince: number,
    ],
    never
  >
  readonly #all: Statement<[], Omit<RuleCounters, 'lastHit'> & { readonly lastHit: number | null }>
  readonly #drop: Statement<[string], never>
  readonly #retire: Statement<[action: string, hits: number, bytes: number], never>
  readonly #retired: Statement<[], { readonly action: string } & Decided>

  constructor(db: Database) {
    this.#db = db
    this.#save = db.prepare(
      `INSERT INTO counters
         (rule, hits, bytes, last_hit, audited, audited_bytes, limited, quota_used, quota_since)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (rule) DO UPDATE
       SET hits = excluded.hits, bytes = excluded.bytes, last_hit = excluded.last_hit,
         audited = excluded.audited, audited_bytes = excluded.audited_bytes,
         limited = excluded.limited,
         quota_used = excluded.quota_used, quota_since = excluded.quota_since`,
    )
    // As REAL, because a sum of bytes may outgrow the integers that a number holds exactly.
    this.#all = db.prepare(
      `SELECT rule AS id, CAST(hits AS REAL) AS hits, CAST(bytes AS REAL) AS bytes,
         last_hit AS lastHit, CAST(audited AS REAL) AS audited,
         CAST(audited_bytes AS REAL) AS auditedBytes, CAST(limited AS REAL) AS limited,
         CAST(quota_used AS REAL) AS quotaUsed, CAST(quota_since AS REAL) AS quotaSince
       FROM counters ORDER BY rule`,
    )
    this.#drop = db.prepare('DELETE FROM counters WHERE rule = ?')
    this.#retire = db.prepare(
      `INSERT INTO retired (action, hits, bytes) VALUES (?, ?, ?)
       ON CONFLICT (action) DO UPDATE SET hits = excluded.hits, bytes = excluded.bytes`,
    )
    this.#retired = db.prepare(
      'SELECT action, CAST(hits AS REAL) AS hits, CAST(bytes AS REAL) AS bytes FROM retired',
    )
  }

  /**
   * Writes what counters stand at, not what was added. It does not wait for the disk.
   * @param gone ids whose counters go, because what they stood at is in `retired` now.
   * @param retired what rules that are gone have decided, those in `gone` included.
   */
  save(entries: Iterable<RuleCounters>, gone: Iterable<string> = [], retired?: Retired): void {
    this.#db.relaxed(() => {
      for (const id of gone) this.#drop.run(id)
      for (const entry of entries) {
        const { id, hits, bytes, lastHit, audited, auditedBytes, limited } = entry
        const { quotaUsed, quotaSince } = entry
        this.#save.run(
          id,
          hits,
          bytes,
          lastHit ?? null,
          audited,
          auditedBytes,
          limited,
          quotaUsed,
          quotaSince,
        )
      }
      if (retired !== undefined) this.#saveRetired(retired)
    })
  }

  /** The counters that were saved, by id. */
  load(): RuleCounters[] {
    return this.#all.all().map(row => ({ ...row, lastHit: row.lastHit ?? undefined }))
  }

  /** What rules that are gone had decided when that was saved. */
  loadRetired(): Retired {
    const rows = new Map(this.#retired.all().map(row => [row.action, row]))
    return Object.fromEntries(
      ACTIONS.map(action => {
        const { hits, bytes } = rows.get(action) ?? { hits: 0, bytes: 0 }
        return [action, { hits, bytes }]
      }),
    ) as unknown as Retired
  }

  #saveRetired(retired: Retired): void {
    for (const action of ACTIONS) {
      this.#retire.run(action, retired[action].hits, retired[action].bytes)
    }
  }
}
