import type { Clock } from '../util/clock.js'
import type { Database, Statement } from './database.js'
import { cutText, type StoreLimits } from './limits.js'
import { sealing } from './seal.js'

/** The flow of a grant. */
export interface GrantedFlow {
  /** The name of a domain. */
  readonly source: string
  /** Undefined for whatever port. */
  readonly sourcePort: number | undefined
  readonly destination: string
  readonly port: number
  /** The number of a message type. */
  readonly type: number
}

/** A flow that an operator has admitted for some time. */
export interface KeptGrant {
  readonly id: number
  readonly flow: GrantedFlow
  readonly by: string
  /** Milliseconds since the Unix epoch. */
  readonly since: number
  readonly expires: number
}

interface GrantRow extends Omit<KeptGrant, 'flow'>, Omit<GrantedFlow, 'sourcePort'> {
  readonly sourcePort: number | null
}

type FlowParams = [string, number | null, string, number, number]

/** What operators have admitted for some time, so that it holds over restarts. */
export class GrantStore {
  readonly #clock: Clock
  readonly #limits: StoreLimits
  readonly #all: Statement<[], GrantRow>
  readonly #put: Statement<[number, ...FlowParams, string, number, number], never>
  readonly #seal: Statement<[number], never>
  readonly #remove: Statement<[number], never>
  readonly #removeFlow: Statement<FlowParams, never>
  readonly #dropExpired: Statement<[number], never>

  constructor(db: Database, clock: Clock, limits: StoreLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#all = db.prepare(
      `SELECT id, source, source_port AS sourcePort, destination, port, type, author AS by, since,
         expires
       FROM grants ORDER BY since, id`,
    )
    this.#put = db.prepare(
      `INSERT INTO grants (id, source, source_port, destination, port, type, author, since, expires)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#seal = sealing(db, 'grants', 'id = ?')
    this.#remove = db.prepare('DELETE FROM grants WHERE id = ?')
    this.#removeFlow = db.prepare(
      `DELETE FROM grants WHERE source = ? AND source_port IS ? AND destination = ? AND port = ?
       AND type = ?`,
    )
    this.#dropExpired = db.prepare('DELETE FROM grants WHERE expires <= ?')
  }

  /** All grants, the oldest first; those whose time is over may still be among them. */
  list(): KeptGrant[] {
    return this.#all.all().map(({ id, by, since, expires, sourcePort, ...flow }) => ({
      id,
      flow: { ...flow, sourcePort: sourcePort ?? undefined },
      by,
      since,
      expires,
    }))
  }

  /**
   * Keeps a grant, instead of one for the same flow, and forgets those whose time is over: so there
   * are never many more than may be in force. To be called in a transaction.
   * @param id of no other grant.
   * @param forMs how long it holds from now on.
   * @returns when that is, in milliseconds since the Unix epoch.
   */
  put(id: number, flow: GrantedFlow, forMs: number, by: string): number {
    const now = this.#clock.now()
    const { source, sourcePort = null, destination, port, type } = flow
    const params: FlowParams = [source, sourcePort, destination, port, type]
    this.#dropExpired.run(now)
    this.#removeFlow.run(...params)
    this.#put.run(id, ...params, cutText(by, this.#limits.authorCharsMax), now, now + forMs)
    this.#seal.run(id)
    return now
  }

  /** Forgets a grant. @returns false when there is none of this id. */
  remove(id: number): boolean {
    return this.#remove.run(id).changes > 0
  }
}
