import { DEFAULT_ID } from '../policy/rule.js'
import type { Database, Statement } from './database.js'

/** What a rule has decided since it was added. */
export interface RuleCounters {
  /** A rule's id, or DEFAULT_ID for what no rule matched. */
  readonly id: string
  readonly hits: number
  readonly bytes: number
  /** Milliseconds since the Unix epoch. */
  readonly lastHit: number | undefined
}

/** What rules have decided, kept by their ids over changes of the table and restarts. */
export class CounterStore {
  readonly #db: Database
  readonly #save: Statement<
    [id: string, hits: number, bytes: number, lastHit: number | null, id: string, fallback: string],
    never
  >
  readonly #all: Statement<[], Omit<RuleCounters, 'lastHit'> & { readonly lastHit: number | null }>
  readonly #dropGone: Statement<[string], never>

  constructor(db: Database) {
    this.#db = db
    this.#save = db.prepare(
      `INSERT INTO counters (rule, hits, bytes, last_hit) SELECT ?, ?, ?, ?
       WHERE EXISTS (SELECT 1 FROM rules WHERE id = ?) OR ? = '${DEFAULT_ID}'
       ON CONFLICT (rule) DO UPDATE
       SET hits = excluded.hits, bytes = excluded.bytes, last_hit = excluded.last_hit`,
    )
    // As REAL, because a sum of bytes may outgrow the integers that a number holds exactly.
    this.#all = db.prepare(
      `SELECT rule AS id, CAST(hits AS REAL) AS hits, CAST(bytes AS REAL) AS bytes,
         last_hit AS lastHit
       FROM counters ORDER BY rule`,
    )
    this.#dropGone = db.prepare(
      'DELETE FROM counters WHERE rule <> ? AND rule NOT IN (SELECT id FROM rules)',
    )
  }

  /**
   * Writes what counters stand at, not what was added. It does not wait for the disk, and counters
   * of rules that are gone are passed over.
   */
  save(entries: Iterable<RuleCounters>): void {
    this.#db.relaxed(() => {
      for (const { id, hits, bytes, lastHit } of entries) {
        this.#save.run(id, hits, bytes, lastHit ?? null, id, id)
      }
    })
  }

  /** The counters that were saved, by id. */
  load(): RuleCounters[] {
    return this.#all.all().map(row => ({ ...row, lastHit: row.lastHit ?? undefined }))
  }

  /** Forgets the counters of rules that are gone. */
  dropGone(): void {
    this.#dropGone.run(DEFAULT_ID)
  }
}
