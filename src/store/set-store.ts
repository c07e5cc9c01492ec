import type { Clock } from '../util/clock.js'
import type { Database, Statement } from './database.js'
import { cutText, type StoreLimits } from './limits.js'
import { refuse, type Refusal } from './refusal.js'
import { sealing } from './seal.js'

/** An element that an admin put into a set by hand. */
export interface SetElement {
  readonly set: string
  /** As text, such as `web` or `tag:guest:80`. */
  readonly element: string
  /** Milliseconds since the Unix epoch. */
  readonly addedAt: number
  /** From then on it is not in the set any more; undefined for never. */
  readonly expiresAt: number | undefined
  readonly author: string
}

interface ElementRow extends Omit<SetElement, 'expiresAt'> {
  readonly expiresAt: number | null
}

/** What admins put into the sets of the policy by hand, on top of what the policy says. */
export class SetStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #limits: StoreLimits
  readonly #all: Statement<[], ElementRow>
  readonly #count: Statement<[], { count: number }>
  readonly #put: Statement<[string, string, number, number | null, string], never>
  readonly #seal: Statement<[string, string], never>
  readonly #remove: Statement<[string, string], never>
  readonly #dropExpired: Statement<[number], never>
  readonly #dropSet: Statement<[string], never>

  constructor(db: Database, clock: Clock, limits: StoreLimits) {
    this.#db = db
    this.#clock = clock
    this.#limits = limits
    this.#all = db.prepare(
      `SELECT name AS "set", element, added_at AS addedAt, expires_at AS expiresAt, author
       FROM set_elements ORDER BY name, element`,
    )
    this.#count = db.prepare('SELECT count(*) AS count FROM set_elements')
    this.#put = db.prepare(
      `INSERT INTO set_elements (name, element, added_at, expires_at, author)
       VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (name, element) DO UPDATE
       SET added_at = excluded.added_at, expires_at = excluded.expires_at, author = excluded.author`,
    )
    this.#seal = sealing(db, 'set_elements', 'name = ? AND element = ?')
    this.#remove = db.prepare('DELETE FROM set_elements WHERE name = ? AND element = ?')
    this.#dropExpired = db.prepare('DELETE FROM set_elements WHERE expires_at <= ?')
    this.#dropSet = db.prepare('DELETE FROM set_elements WHERE name = ?')
  }

  /** All elements, those that have expired included. */
  list(): SetElement[] {
    return this.#all.all().map(row => ({ ...row, expiresAt: row.expiresAt ?? undefined }))
  }

  /**
   * Puts an element into a set; one that is there gets the new expiry.
   * @param expiresAt milliseconds since the Unix epoch, in the future.
   * @returns ENOSPC when there are too many.
   */
  put(
    set: string,
    element: string,
    expiresAt: number | undefined,
    author: string,
  ): { readonly ok: true } | Refusal<'ENOSPC'> {
    return this.#db.transaction(() => {
      const now = this.#clock.now()
      this.#dropExpired.run(now)
      const name = cutText(author, this.#limits.authorCharsMax)
      this.#put.run(set, element, now, expiresAt ?? null, name)
      this.#seal.run(set, element)
      const { setElementsMax } = this.#limits
      if ((this.#count.get()?.count ?? 0) <= setElementsMax) return { ok: true }
      this.#remove.run(set, element)
      const message = `the sets have ${setElementsMax} elements put in by hand, which is the limit: remove one`
      return refuse('ENOSPC', message)
    })
  }

  /** Takes an element out of a set. @returns false when it was not in it. */
  remove(set: string, element: string): boolean {
    return this.#remove.run(set, element).changes > 0
  }

  /** Forgets elements whose time is over. */
  dropExpired(): void {
    this.#dropExpired.run(this.#clock.now())
  }

  /** Forgets the elements of a set that the policy does not have any more. */
  dropSet(set: string): void {
    this.#dropSet.run(set)
  }
}
