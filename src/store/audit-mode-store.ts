import type { Database, Statement } from './database.js'
import { sealing } from './seal.js'

/** Stands for all domains. */
export const EVERYONE = '*'

/** Which domains are in audit mode. */
export class AuditModeStore {
  readonly #all: Statement<[], { readonly name: string }>
  readonly #add: Statement<[string], never>
  readonly #seal: Statement<[string], never>
  readonly #remove: Statement<[string], never>

  constructor(db: Database) {
    this.#all = db.prepare('SELECT name FROM audit_modes ORDER BY name')
    this.#add = db.prepare('INSERT OR IGNORE INTO audit_modes (name) VALUES (?)')
    this.#seal = sealing(db, 'audit_modes', 'name = ?')
    this.#remove = db.prepare('DELETE FROM audit_modes WHERE name = ?')
  }

  /** Names of domains, and EVERYONE where all are. */
  list(): string[] {
    return this.#all.all().map(({ name }) => name)
  }

  /** Switches audit mode of a domain, or of EVERYONE. */
  set(name: string, isOn: boolean): void {
    if (!isOn) {
      this.#remove.run(name)
      return
    }
    this.#add.run(name)
    this.#seal.run(name)
  }
}
