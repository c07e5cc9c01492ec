import type { Database, Statement } from './database.js'

/** What is known of how sessions ended, as it is kept. */
export interface KeptDisconnect {
  readonly seq: number
  /** JSON. */
  readonly body: string
}

/** How sessions ended, so that it can be asked after a restart. Whoever writes it bounds it. */
export class DisconnectStore {
  readonly #db: Database
  readonly #all: Statement<[], KeptDisconnect>
  readonly #put: Statement<[seq: number, body: string], never>
  readonly #drop: Statement<[seq: number], never>

  constructor(db: Database) {
    this.#db = db
    this.#all = db.prepare('SELECT seq, body FROM disconnects ORDER BY seq')
    this.#put = db.prepare('INSERT OR REPLACE INTO disconnects (seq, body) VALUES (?, ?)')
    this.#drop = db.prepare('DELETE FROM disconnects WHERE seq = ?')
  }

  /** Writes some, and forgets others, in one transaction. It does not wait for the disk. */
  save(entries: readonly KeptDisconnect[], gone: readonly number[]): void {
    this.#db.relaxed(() => {
      for (const seq of gone) this.#drop.run(seq)
      for (const { seq, body } of entries) this.#put.run(seq, body)
    })
  }

  /** Those that were saved, by seq. */
  load(): KeptDisconnect[] {
    return this.#all.all()
  }
}
