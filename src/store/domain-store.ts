import {
  DOMID_MAX,
  domainNameProblem,
  isDomainId,
  quote,
  tagProblem,
  type DomainId,
} from '../abi/addr.js'
import { TAGS_PER_DOMAIN_MAX } from '../abi/limits.js'
import { assert } from '../util/assert.js'
import type { Clock } from '../util/clock.js'
import type { Database, Statement } from './database.js'
import type { StoreLimits } from './limits.js'
import { refuse, type Refusal } from './refusal.js'
import { sealing } from './seal.js'
import { Sequence } from './sequence.js'

/** A domain as it is kept. */
export interface Domain {
  readonly id: DomainId
  readonly name: string
  /** In alphabetical order, each once. */
  readonly tags: readonly string[]
  /** A domain that is not enabled can't authenticate. */
  readonly enabled: boolean
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number
}

/** What can be changed of a domain; what is left out stays. */
export interface DomainPatch {
  readonly tags?: readonly string[] | undefined
  readonly enabled?: boolean | undefined
}

export interface DomainChanged {
  readonly ok: true
  readonly domain: Domain
}

interface DomainRow {
  readonly id: number
  readonly name: string
  readonly tags: string
  readonly enabled: number
  readonly createdAt: number
}

const columns = 'id, name, tags, enabled, created_at AS createdAt'

/** The domains that are known, with their ids, names and tags. */
export class DomainStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #limits: StoreLimits
  readonly #ids: Sequence
  readonly #insert: Statement<[number, string, string, number], never>
  readonly #count: Statement<[], { count: number }>
  readonly #freeId: Statement<[], { id: number }>
  readonly #byName: Statement<[string], DomainRow>
  readonly #byId: Statement<[number], DomainRow>
  readonly #list: Statement<[], DomainRow>
  readonly #page: Statement<[after: string, limit: number], DomainRow>
  readonly #update: Statement<[string, number, number], never>
  readonly #seal: Statement<[number], never>
  readonly #delete: Statement<[number], never>
  readonly #see: Statement<[number, number], never>
  readonly #seen: Statement<[], { readonly id: number; readonly at: number }>

  constructor(db: Database, clock: Clock, limits: StoreLimits) {
    this.#db = db
    this.#clock = clock
    this.#limits = limits
    this.#ids = new Sequence(db, 'domain')
    this.#insert = db.prepare(
      'INSERT INTO domains (id, name, tags, enabled, created_at) VALUES (?, ?, ?, 1, ?)',
    )
    this.#count = db.prepare('SELECT count(*) AS count FROM domains')
    this.#freeId = db.prepare(
      `SELECT min(id) AS id FROM (SELECT 1 AS id UNION ALL SELECT id + 1 FROM domains)
       WHERE id NOT IN (SELECT id FROM domains)`,
    )
    this.#byName = db.prepare(`SELECT ${columns} FROM domains WHERE name = ?`)
    this.#byId = db.prepare(`SELECT ${columns} FROM domains WHERE id = ?`)
    this.#list = db.prepare(`SELECT ${columns} FROM domains ORDER BY name`)
    this.#page = db.prepare(`SELECT ${columns} FROM domains WHERE name > ? ORDER BY name LIMIT ?`)
    this.#update = db.prepare('UPDATE domains SET tags = ?, enabled = ? WHERE id = ?')
    this.#seal = sealing(db, 'domains', 'id = ?')
    this.#delete = db.prepare('DELETE FROM domains WHERE id = ?')
    this.#see = db.prepare('UPDATE domains SET last_seen_at = ? WHERE id = ?')
    this.#seen = db.prepare(
      'SELECT id, last_seen_at AS at FROM domains WHERE last_seen_at IS NOT NULL ORDER BY id',
    )
  }

  /**
   * Adds a domain under the next id. Ids count up, and one that was removed comes back only after
   * all 0x7FEF were handed out: then the lowest that is free.
   * @returns the domain; EINVAL for a bad name or tag, EEXIST for a name that is taken, ENOSPC at
   *   the limit of domains or of tags.
   */
  add(
    name: string,
    tags: readonly string[] = [],
  ): DomainChanged | Refusal<'EINVAL' | 'EEXIST' | 'ENOSPC'> {
    const problem = domainNameProblem(name)
    if (problem !== undefined) return refuse('EINVAL', problem)
    const refusal = refuseTags(tags)
    if (refusal !== undefined) return refusal
    return this.#db.transaction(() => {
      if (this.get(name) !== undefined) {
        return refuse('EEXIST', `there is a domain "${name}" already`)
      }
      const id = this.#nextId()
      if (id === undefined) {
        return refuse('ENOSPC', `there are ${this.#countAll()} domains, which is the limit`)
      }
      this.#insert.run(id, name, tagsText(tags), this.#clock.now())
      this.#seal.run(id)
      return { ok: true, domain: this.#get(id) }
    })
  }

  /** The domain with this name. */
  get(name: string): Domain | undefined {
    const row = this.#byName.get(name)
    return row && domainOf(row)
  }

  /** The domain with this id. */
  byId(id: number): Domain | undefined {
    const row = this.#byId.get(id)
    return row && domainOf(row)
  }

  /** All domains in the order of their names. */
  list(): Domain[] {
    return this.#list.all().map(domainOf)
  }

  /**
   * Some of them.
   * @param after the name of the last one before; empty to begin.
   */
  page(after: string, limit: number): Domain[] {
    return this.#page.all(after, limit).map(domainOf)
  }

  /**
   * Changes a domain's tags or whether it is enabled.
   * @returns the domain as it is now; ENOENT for an unknown name, EINVAL for a bad tag, ENOSPC for
   *   too many.
   */
  patch(name: string, patch: DomainPatch): DomainChanged | Refusal<'ENOENT' | 'EINVAL' | 'ENOSPC'> {
    const refusal = patch.tags && refuseTags(patch.tags)
    if (refusal !== undefined) return refusal
    return this.#db.transaction(() => {
      const domain = this.get(name)
      if (domain === undefined) return unknownDomain(name)
      const enabled = patch.enabled ?? domain.enabled
      this.#update.run(tagsText(patch.tags ?? domain.tags), enabled ? 1 : 0, domain.id)
      this.#seal.run(domain.id)
      return { ok: true, domain: this.#get(domain.id) }
    })
  }

  /**
   * Removes a domain and its tokens.
   * @returns the domain as it was; ENOENT for an unknown name.
   */
  remove(name: string): DomainChanged | Refusal<'ENOENT'> {
    return this.#db.transaction(() => {
      const domain = this.get(name)
      if (domain === undefined) return unknownDomain(name)
      this.#delete.run(domain.id)
      return { ok: true, domain }
    })
  }

  /**
   * Notes when domains were last seen. Meant for a batch now and then: it is one write that does
   * not wait for the disk, and ids of domains that are gone are passed over.
   * @param seen id and milliseconds since the Unix epoch.
   */
  saw(seen: Iterable<readonly [id: number, at: number]>): void {
    this.#db.relaxed(() => {
      for (const [id, at] of seen) this.#see.run(at, id)
    })
  }

  /** When domains were last seen that ever were, by their ids. */
  lastSeen(): Map<number, number> {
    return new Map(this.#seen.all().map(({ id, at }) => [id, at]))
  }

  #get(id: number): Domain {
    const domain = this.byId(id)
    assert(domain !== undefined, 'a domain that was just written is there')
    return domain
  }

  #countAll(): number {
    return this.#count.get()?.count ?? 0
  }

  #nextId(): number | undefined {
    if (this.#countAll() >= Math.min(this.#limits.domainsMax, DOMID_MAX)) return undefined
    const next = this.#ids.last() + 1
    // Damage may have made any number of it.
    if (!isDomainId(next) || this.byId(next) !== undefined) return this.#freeId.get()?.id
    this.#ids.raise(next)
    return next
  }
}

/** The refusal for a name that no domain has. */
export function unknownDomain(name: string): Refusal<'ENOENT'> {
  return refuse('ENOENT', `there is no domain ${quote(name)}`)
}

function refuseTags(tags: readonly string[]): Refusal<'EINVAL' | 'ENOSPC'> | undefined {
  for (const tag of tags) {
    const problem = tagProblem(tag)
    if (problem !== undefined) return refuse('EINVAL', problem)
  }
  const count = new Set(tags).size
  if (count <= TAGS_PER_DOMAIN_MAX) return undefined
  return refuse('ENOSPC', `a domain has at most ${TAGS_PER_DOMAIN_MAX} tags, not ${count}`)
}

function tagsText(tags: readonly string[]): string {
  return JSON.stringify([...new Set(tags)].toSorted())
}

function domainOf(row: DomainRow): Domain {
  const { id, name, enabled, createdAt } = row
  assert(isDomainId(id), 'the table holds ids of domains only')
  return { id, name, tags: JSON.parse(row.tags) as string[], enabled: enabled === 1, createdAt }
}
