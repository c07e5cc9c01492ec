import { AuditStore } from './audit-store.js'
import type { Database } from './database.js'
import { checkDatabase, readDatabase } from './database-file.js'
import { DomainStore } from './domain-store.js'
import { defaultStoreLimits } from './limits.js'
import { migrations } from './migrations.js'
import { RevisionStore } from './revision-store.js'
import { unsoundRows } from './seal.js'
import { TokenStore } from './token-store.js'

const noClock = { now: () => Date.now() }
const noRandom = {
  randomBytes(): never {
    throw new Error('nothing is written through a view')
  },
}

/** What a database says, only to be read, while another connection may write. */
export class StateView {
  readonly policies: RevisionStore
  readonly audit: AuditStore
  readonly tokens: TokenStore
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    this.policies = new RevisionStore(db, noClock, defaultStoreLimits)
    this.audit = new AuditStore(db, noClock, defaultStoreLimits)
    const domains = new DomainStore(db, noClock, defaultStoreLimits)
    this.tokens = new TokenStore(db, noClock, noRandom, defaultStoreLimits, domains)
  }

  /** Rows that are not what was written, in words for a person. */
  unsound(): string[] {
    return [...unsoundRows(this.#db).values()].flat()
  }

  /** How many rows refer to one that is not there. */
  danglingRows(): number {
    return this.#db.prepare('PRAGMA foreign_key_check').all().length
  }

  close(): void {
    this.#db.close()
  }
}

/**
 * Looks a database over and opens it, changing nothing.
 * @returns undefined when its tables are of an older version, which the next start changes.
 * @throws StoreError when a daemon could not start with it.
 */
export function viewState(path: string): StateView | undefined {
  if (checkDatabase(path) < migrations.length) return undefined
  return new StateView(readDatabase(path))
}
