import { timingSafeEqual } from 'node:crypto'
import type { EndReason } from '../abi/end-reason.js'
import { assert } from '../util/assert.js'
import type { Clock } from '../util/clock.js'
import type { Database, Statement } from './database.js'
import { unknownDomain, type Domain, type DomainStore } from './domain-store.js'
import type { StoreLimits } from './limits.js'
import { refuse, type Refusal } from './refusal.js'
import { sealing, sumSql } from './seal.js'
import {
  formatToken,
  hashOfSecret,
  parseToken,
  SECRET_BYTES,
  type TokenKind,
} from './token-text.js'

/** Where secrets come from. */
export interface Random {
  /** So many unpredictable bytes. */
  randomBytes(count: number): Uint8Array
}

/** What an admin token allows, from the least: each may also do what those before it may. */
export const ADMIN_ROLES = ['viewer', 'operator', 'policy-admin', 'root'] as const
export type AdminRole = (typeof ADMIN_ROLES)[number]

interface TokenState {
  /** Never used for another token. */
  readonly id: number
  readonly label: string
  /** These are milliseconds since the Unix epoch. */
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly revokedAt: number | undefined
  readonly lastUsedAt: number | undefined
}

/** A token as it may be shown: its secret is not kept, so it can't be here. */
export type Token =
  | (TokenState & { readonly kind: 'domain'; readonly domain: string })
  | (TokenState & { readonly kind: 'admin'; readonly role: AdminRole })

export interface TokenOptions {
  /** What the token is for, in the words of whoever asked for it. */
  readonly label?: string | undefined
  /** From then on it is refused; milliseconds since the Unix epoch, in the future. */
  readonly expiresAt?: number | undefined
}

export interface TokenIssued {
  readonly ok: true
  readonly token: Token
  /** The token itself: `v4v_<id>_<secret>` or `v4vadmin_<id>_<secret>`. This is the only time it is seen. */
  readonly text: string
}

export interface TokenRotated extends TokenIssued {
  /** The one that is replaced: revoked, or with the time at which it ends. */
  readonly old: Token
}

export type TokenRefusal = Refusal<'EACCES' | 'EKEYEXPIRED' | 'EKEYREVOKED'>

/** Why a token lets no domain in, and whose it is as far as its secret is right. */
export interface NotAuthenticated extends TokenRefusal {
  readonly reason: EndReason
  readonly tokenId?: number
  readonly domain?: Domain
}

export interface DomainAuthenticated {
  readonly ok: true
  readonly domain: Domain
  readonly tokenId: number
  readonly expiresAt: number | undefined
}

export interface AdminAuthenticated {
  readonly ok: true
  readonly role: AdminRole
  readonly tokenId: number
  readonly expiresAt: number | undefined
}

interface TokenRow {
  readonly id: number
  readonly domainId: number | null
  readonly domain: string | null
  readonly role: string | null
  readonly hash: Uint8Array
  readonly label: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

const select = `
  SELECT tokens.id, domain AS domainId, domains.name AS domain, role, hash, label,
    tokens.created_at AS createdAt, expires_at AS expiresAt, revoked_at AS revokedAt,
    last_used_at AS lastUsedAt
  FROM tokens LEFT JOIN domains ON domains.id = tokens.domain`

/** The tokens of domains and admins: who they stand for, until when, and the hash of each secret. */
export class TokenStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #random: Random
  readonly #limits: StoreLimits
  readonly #domains: DomainStore
  readonly #insert: Statement<
    [number | null, string | null, Uint8Array, string, number, number | null],
    never
  >
  readonly #count: Statement<[number | null], { count: number }>
  readonly #dropDead: Statement<[number | null, number], never>
  readonly #byId: Statement<[number], TokenRow>
  readonly #listOfDomain: Statement<[number], TokenRow>
  readonly #listOfAdmins: Statement<[], TokenRow>
  readonly #listEnding: Statement<[number, number, number], TokenRow>
  readonly #root: Statement<[number], { readonly id: number }>
  readonly #revoke: Statement<[number, number], never>
  readonly #expire: Statement<[number, number], never>
  readonly #seal: Statement<[number], never>
  readonly #touch: Statement<[number, number], never>

  constructor(
    db: Database,
    clock: Clock,
    random: Random,
    limits: StoreLimits,
    domains: DomainStore,
  ) {
    this.#db = db
    this.#clock = clock
    this.#random = random
    this.#limits = limits
    this.#domains = domains
    this.#insert = db.prepare(
      `INSERT INTO tokens (domain, role, hash, label, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    this.#count = db.prepare('SELECT count(*) AS count FROM tokens WHERE domain IS ?')
    this.#dropDead = db.prepare(
      'DELETE FROM tokens WHERE domain IS ? AND (revoked_at IS NOT NULL OR expires_at <= ?)',
    )
    this.#byId = db.prepare(`${select} WHERE tokens.id = ?`)
    this.#listOfDomain = db.prepare(`${select} WHERE domain = ? ORDER BY tokens.id`)
    this.#listOfAdmins = db.prepare(`${select} WHERE role IS NOT NULL ORDER BY tokens.id`)
    this.#listEnding = db.prepare(
      `${select} WHERE expires_at > ? AND expires_at <= ? AND revoked_at IS NULL
       ORDER BY expires_at, tokens.id LIMIT ?`,
    )
    this.#root = db.prepare(
      `SELECT id FROM tokens WHERE role = 'root' AND revoked_at IS NULL
         AND ifnull(expires_at > ?, true) AND sum = ${sumSql('tokens')}`,
    )
    this.#revoke = db.prepare(
      'UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL',
    )
    this.#expire = db.prepare('UPDATE tokens SET expires_at = ? WHERE id = ?')
    this.#seal = sealing(db, 'tokens', 'id = ?')
    this.#touch = db.prepare(
      'UPDATE tokens SET last_used_at = max(?, ifnull(last_used_at, 0)) WHERE id = ?',
    )
  }

  /**
   * Makes a token for a domain. At the limit, tokens that are revoked or expired give way.
   * @returns the token and its text; ENOENT for an unknown domain, EINVAL for an expiry that is
   *   not in the future or a label that is too long, ENOSPC when the domain has too many.
   */
  issue(
    domainName: string,
    options: TokenOptions = {},
  ): TokenIssued | Refusal<'ENOENT' | 'EINVAL' | 'ENOSPC'> {
    return this.#db.transaction(() => {
      const domain = this.#domains.get(domainName)
      if (domain === undefined) return unknownDomain(domainName)
      return this.#issue('domain', domain.id, null, options)
    })
  }

  /**
   * Makes a token for an admin, under the same terms.
   * @returns the token and its text; EINVAL for an expiry that is not in the future or a label
   *   that is too long, ENOSPC when there are too many.
   */
  issueAdmin(
    role: AdminRole,
    options: TokenOptions = {},
  ): TokenIssued | Refusal<'EINVAL' | 'ENOSPC'> {
    return this.#db.transaction(() => this.#issue('admin', null, role, options))
  }

  /**
   * Says which domain a token stands for.
   * @returns the domain, or EACCES for anything that is not the token of an enabled domain,
   *   EKEYREVOKED and EKEYEXPIRED for what was one.
   */
  authenticate(text: string): DomainAuthenticated | NotAuthenticated {
    const row = this.#find('domain', text)
    const domain = row?.domainId == null ? undefined : this.#domains.byId(row.domainId)
    if (row === undefined || domain === undefined) return { ...notValid(), reason: 'token-unknown' }
    const known = { tokenId: row.id, domain }
    const refusal = this.#refuseDead(row)
    if (refusal !== undefined) {
      const reason = refusal.code === 'EKEYREVOKED' ? 'token-revoked' : 'token-expired'
      return { ...refusal, reason, ...known }
    }
    if (!domain.enabled) {
      const message = `the domain "${domain.name}" is not enabled`
      return { ...refuse('EACCES', message), reason: 'quarantine', ...known }
    }
    return { ok: true, domain, tokenId: row.id, expiresAt: row.expiresAt ?? undefined }
  }

  /**
   * Says what an admin token allows.
   * @returns the role, or EACCES, EKEYREVOKED, EKEYEXPIRED as for a domain.
   */
  authenticateAdmin(text: string): AdminAuthenticated | TokenRefusal {
    const row = this.#find('admin', text)
    if (row === undefined) return notValid()
    const refusal = this.#refuseDead(row)
    if (refusal !== undefined) return refusal
    return {
      ok: true,
      role: roleOf(row.role),
      tokenId: row.id,
      expiresAt: row.expiresAt ?? undefined,
    }
  }

  /** The token with this id. */
  get(id: number): Token | undefined {
    const row = this.#byId.get(id)
    return row && tokenOf(row)
  }

  /**
   * A domain's tokens, oldest first.
   * @returns them; ENOENT for an unknown domain.
   */
  list(
    domainName: string,
  ): { readonly ok: true; readonly tokens: readonly Token[] } | Refusal<'ENOENT'> {
    const domain = this.#domains.get(domainName)
    if (domain === undefined) return unknownDomain(domainName)
    return { ok: true, tokens: this.#listOfDomain.all(domain.id).map(tokenOf) }
  }

  /** The admins' tokens, oldest first. */
  listAdmin(): Token[] {
    return this.#listOfAdmins.all().map(tokenOf)
  }

  /** Whether a valid token is left with which everything may be done. */
  hasRoot(): boolean {
    return this.#root.get(this.#clock.now()) !== undefined
  }

  /**
   * The tokens of domains and admins that are valid and end within a time, the soonest first.
   * @param ms how long from now.
   * @param max how many at most.
   */
  listEnding(ms: number, max: number): Token[] {
    const now = this.#clock.now()
    return this.#listEnding.all(now, now + ms, max).map(tokenOf)
  }

  /**
   * Makes a token invalid from now on; one that is revoked already keeps the time it was.
   * @returns the token, so that the sessions it opened can be closed; ENOENT for an unknown id.
   */
  revoke(id: number): { readonly ok: true; readonly token: Token } | Refusal<'ENOENT'> {
    return this.#db.transaction(() => {
      this.#revoke.run(this.#clock.now(), id)
      this.#seal.run(id)
      const token = this.get(id)
      if (token === undefined) return refuse('ENOENT', `there is no token ${id}`)
      return { ok: true, token }
    })
  }

  /**
   * Makes a token that stands for the same, under the same label, in place of one that is valid.
   * @param overlapMs how long the old one goes on, unless it ends before; 0 revokes it.
   * @param newExpiresAt when the new one ends; when the old one would have, if left out.
   * @returns both; ENOENT for an unknown id, EINVAL for one that is not valid any more, an overlap
   *   that goes too far or an expiry that is not in the future, ENOSPC when there are too many.
   */
  rotate(
    id: number,
    overlapMs: number,
    newExpiresAt?: number,
  ): TokenRotated | Refusal<'ENOENT' | 'EINVAL' | 'ENOSPC'> {
    return this.#db.transaction(() => {
      const row = this.#byId.get(id)
      if (row === undefined) return refuse('ENOENT', `there is no token ${id}`)
      const dead = this.#refuseDead(row)
      if (dead !== undefined) return refuse('EINVAL', `${dead.message}: issue a new one`)
      const now = this.#clock.now()
      const endsAt = Math.min(now + overlapMs, row.expiresAt ?? Infinity)
      if (!Number.isSafeInteger(endsAt)) return refuse('EINVAL', 'the overlap is too long')
      const kind = row.role === null ? 'domain' : 'admin'
      const role = row.role === null ? null : roleOf(row.role)
      const { label, expiresAt } = row
      const options = { label, expiresAt: newExpiresAt ?? expiresAt ?? undefined }
      const issued = this.#issue(kind, row.domainId, role, options)
      if (!issued.ok) return issued
      if (overlapMs === 0) this.#revoke.run(now, id)
      else this.#expire.run(endsAt, id)
      this.#seal.run(id)
      const old = this.get(id)
      assert(old !== undefined, 'a valid token gives way to no other')
      return { ...issued, old }
    })
  }

  /**
   * Notes when tokens were last used. Meant for a batch now and then: it is one write that does
   * not wait for the disk, and ids of tokens that are gone are passed over.
   * @param uses id and milliseconds since the Unix epoch.
   */
  touch(uses: Iterable<readonly [id: number, at: number]>): void {
    this.#db.relaxed(() => {
      for (const [id, at] of uses) this.#touch.run(at, id)
    })
  }

  #issue(
    kind: TokenKind,
    domainId: number | null,
    role: AdminRole | null,
    options: TokenOptions,
  ): TokenIssued | Refusal<'EINVAL' | 'ENOSPC'> {
    const now = this.#clock.now()
    const { label = '', expiresAt = null } = options
    const { labelCharsMax } = this.#limits
    if (label.length > labelCharsMax) {
      return refuse('EINVAL', `a token's label has at most ${labelCharsMax} characters`)
    }
    if (expiresAt !== null && !(Number.isSafeInteger(expiresAt) && expiresAt > now)) {
      return refuse('EINVAL', 'a token has to expire at a whole millisecond in the future')
    }
    if (!this.#makeRoom(domainId, now)) {
      const owner = kind === 'admin' ? 'the admins have' : 'the domain has'
      return refuse(
        'ENOSPC',
        `${owner} ${this.#limits.tokensPerOwnerMax} valid tokens, which is the limit: revoke one`,
      )
    }
    const bytes = this.#random.randomBytes(SECRET_BYTES)
    assert(bytes.length === SECRET_BYTES, 'a secret has 256 bits')
    const secret = Buffer.from(bytes).toString('base64url')
    const { id } = this.#insert.run(domainId, role, hashOfSecret(secret), label, now, expiresAt)
    this.#seal.run(id)
    const token = this.get(id)
    assert(token !== undefined, 'a token that was just written is there')
    return { ok: true, token, text: formatToken({ kind, id, secret }) }
  }

  #makeRoom(domainId: number | null, now: number): boolean {
    const max = this.#limits.tokensPerOwnerMax
    if (this.#countOf(domainId) >= max) this.#dropDead.run(domainId, now)
    return this.#countOf(domainId) < max
  }

  #countOf(domainId: number | null): number {
    return this.#count.get(domainId)?.count ?? 0
  }

  // The row whose secret this is. Ids are no secret, so only the comparison takes constant time.
  #find(kind: TokenKind, text: string): TokenRow | undefined {
    const said = parseToken(text)
    if (said?.kind !== kind) return undefined
    const row = this.#byId.get(said.id)
    if (row === undefined || !timingSafeEqual(hashOfSecret(said.secret), row.hash)) return undefined
    return (row.role === null) === (kind === 'domain') ? row : undefined
  }

  #refuseDead(row: TokenRow): Refusal<'EKEYEXPIRED' | 'EKEYREVOKED'> | undefined {
    if (row.revokedAt !== null) return refuse('EKEYREVOKED', `token ${row.id} was revoked`)
    if (row.expiresAt !== null && row.expiresAt <= this.#clock.now()) {
      return refuse('EKEYEXPIRED', `token ${row.id} has expired`)
    }
    return undefined
  }
}

function notValid(): Refusal<'EACCES'> {
  return refuse('EACCES', 'the token is not valid')
}

function roleOf(text: string | null): AdminRole {
  const role = ADMIN_ROLES.find(known => known === text)
  assert(role !== undefined, 'the table holds known roles only')
  return role
}

function tokenOf(row: TokenRow): Token {
  const state = {
    id: row.id,
    label: row.label,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt ?? undefined,
    revokedAt: row.revokedAt ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
  }
  if (row.domain === null) return { kind: 'admin', role: roleOf(row.role), ...state }
  return { kind: 'domain', domain: row.domain, ...state }
}
