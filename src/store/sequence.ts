import type { Database, Statement } from './database.js'

/** Remembers the highest number handed out, so that none is handed out twice. */
export class Sequence {
  readonly #name: string
  readonly #get: Statement<[string], { last: number }>
  readonly #raise: Statement<[string, number], never>

  constructor(db: Database, name: string) {
    this.#name = name
    this.#get = db.prepare('SELECT last FROM sequences WHERE name = ?')
    this.#raise = db.prepare(
      `INSERT INTO sequences (name, last) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)`,
    )
  }

  /** The highest number so far; 0 before the first. */
  last(): number {
    return this.#get.get(this.#name)?.last ?? 0
  }

  /** Notes that `value` is taken, and thereby everything below it. */
  raise(value: number): void {
    this.#raise.run(this.#name, value)
  }
}
