import type { EndReason } from '../../abi/end-reason.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import type {
  AdminAuthenticated,
  AdminRole,
  Token,
  TokenIssued,
  TokenOptions,
  TokenRefusal,
  TokenRotated,
} from '../../store/token-store.js'
import type { Clock } from '../../util/clock.js'
import type { AdminTokenFile } from '../admin-token-file.js'
import type { TokenView } from '../schemas/token.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'
import type { Log } from './log.js'

/** Ends the sessions that a token let in. */
export type EndSessions = (tokenId: number, reason: EndReason, detail: string) => void

/** Ends the sessions that a token let in when that time has come. */
export type ExpireSessions = (tokenId: number, expiresAt: number) => void

/** When a token was last used is written down no more often than this. */
const USE_INTERVAL_MS = 60_000

/** The tokens of domains, and who holds an admin's. */
export class TokenService {
  readonly #store: Store
  readonly #clock: Clock
  readonly #changes: Changes
  readonly #endSessions: EndSessions
  readonly #expireSessions: ExpireSessions
  readonly #file: AdminTokenFile | undefined
  readonly #log: Log | undefined
  /** When uses of admin tokens were written down, by token id. */
  readonly #notedAt = new Map<number, number>()

  constructor(
    store: Store,
    clock: Clock,
    changes: Changes,
    endSessions: EndSessions,
    expireSessions: ExpireSessions,
    file: AdminTokenFile | undefined,
    log: Log | undefined,
  ) {
    this.#store = store
    this.#clock = clock
    this.#changes = changes
    this.#endSessions = endSessions
    this.#expireSessions = expireSessions
    this.#file = file
    this.#log = log
  }

  /** Says whether this is the token of an admin; the comparison takes constant time. */
  authenticate(text: string): AdminAuthenticated | TokenRefusal {
    const outcome = this.#store.tokens.authenticateAdmin(text)
    if (outcome.ok) this.#noteUse(outcome.tokenId)
    return outcome
  }

  /** Makes a token for a domain. */
  issue(
    domain: string,
    options: TokenOptions,
    cause: Cause,
  ): TokenIssued | Refusal<'ENOENT' | 'EINVAL' | 'ENOSPC'> {
    return this.#changes.make(
      cause,
      () => this.#store.tokens.issue(domain, options),
      ({ token }) => ({
        action: 'token.issue',
        target: String(token.id),
        detail: { domain, label: token.label, expiresAt: token.expiresAt },
      }),
    )
  }

  /** Makes a token for an admin. */
  issueAdmin(
    role: AdminRole,
    options: TokenOptions,
    cause: Cause,
  ): TokenIssued | Refusal<'EINVAL' | 'ENOSPC'> {
    return this.#changes.make(
      cause,
      () => this.#store.tokens.issueAdmin(role, options),
      ({ token }) => ({
        action: 'token.issue',
        target: String(token.id),
        detail: { role, label: token.label, expiresAt: token.expiresAt },
      }),
    )
  }

  /** The admins' tokens, oldest first. */
  listAdmin(): readonly Token[] {
    return this.#store.tokens.listAdmin()
  }

  /** The valid tokens of domains and admins that end within so many milliseconds, the soonest first. */
  listEnding(ms: number, max: number): readonly Token[] {
    return this.#store.tokens.listEnding(ms, max)
  }

  /** A token; ENOENT for an unknown id. */
  get(id: number): { readonly ok: true; readonly token: Token } | Refusal<'ENOENT'> {
    const token = this.#store.tokens.get(id)
    return token === undefined ? refuse('ENOENT', `there is no token ${id}`) : { ok: true, token }
  }

  /** A domain's tokens, oldest first; ENOENT for an unknown domain. */
  list(
    domain: string,
  ): { readonly ok: true; readonly tokens: readonly Token[] } | Refusal<'ENOENT'> {
    return this.#store.tokens.list(domain)
  }

  /**
   * Makes a token invalid. The one that asks for it can't be, so that there is always one left.
   * @param asker id of the admin token with which this is asked.
   */
  revoke(
    id: number,
    asker: number,
    cause: Cause,
  ): { readonly ok: true; readonly token: Token } | Refusal<'ENOENT' | 'EINVAL'> {
    if (id === asker) {
      return refuse('EINVAL', `token ${id} is the one this request is made with: use another one`)
    }
    return this.#changes.make(
      cause,
      () => this.#store.tokens.revoke(id),
      ({ token }) => ({
        action: 'token.revoke',
        target: String(id),
        detail: token.kind === 'domain' ? { domain: token.domain } : { role: token.role },
      }),
      () => this.#endSessions(id, 'token-revoked', `token ${id} was revoked`),
    )
  }

  /**
   * Makes a token in place of another, which goes on for some time at most. The one that asks for it
   * needs such a time, so that an answer that is lost locks nobody out. The one that commands on
   * the daemon's machine use is replaced there, too.
   * @param expiresAt when the new one ends; when the old one would have, if left out.
   * @param asker id of the admin token with which this is asked.
   */
  async rotate(
    id: number,
    { overlapMs, expiresAt }: { readonly overlapMs: number; readonly expiresAt?: number },
    asker: number,
    cause: Cause,
  ): Promise<
    (TokenRotated & { readonly isInFile: boolean }) | Refusal<'ENOENT' | 'EINVAL' | 'ENOSPC'>
  > {
    if (id === asker && overlapMs === 0) {
      return refuse('EINVAL', `token ${id} is the one this request is made with: give an overlap`)
    }
    const isFiled = this.#file !== undefined && this.#file.tokenId() === id
    const outcome = this.#changes.make(
      cause,
      () => this.#store.tokens.rotate(id, overlapMs, expiresAt),
      ({ token, old }) => ({
        action: 'token.rotate',
        target: String(id),
        detail: {
          ...(token.kind === 'domain' ? { domain: token.domain } : { role: token.role }),
          to: token.id,
          endsAt: old.revokedAt ?? old.expiresAt,
        },
      }),
      ({ old: { revokedAt, expiresAt = Infinity } }) => {
        if (revokedAt === undefined) this.#expireSessions(id, expiresAt)
        else this.#endSessions(id, 'token-revoked', `token ${id} was replaced`)
      },
    )
    if (!outcome.ok) return outcome
    return { ...outcome, isInFile: isFiled && (await this.#putIntoFile(outcome)) }
  }

  // After the store has it for good: a file with a token that nobody knows would lock admins out.
  async #putIntoFile({ token, text }: TokenIssued): Promise<boolean> {
    try {
      await this.#store.synced()
      await this.#file!.replace(text)
      return true
    } catch (error) {
      this.#log?.error({ err: error, token: token.id }, 'the token could not be put into its file')
      return false
    }
  }

  // An admin is let in also when the disk is full: that is when one is needed.
  #noteUse(id: number): void {
    const now = this.#clock.now()
    const notedAt = this.#notedAt.get(id)
    if (notedAt !== undefined && now - notedAt < USE_INTERVAL_MS) return
    this.#notedAt.set(id, now)
    try {
      this.#store.tokens.touch([[id, now]])
    } catch (error) {
      this.#log?.error({ err: error, token: id }, 'the use of a token could not be written down')
    }
  }
}

/** A token as REST shows it. */
export function tokenView(token: Token): TokenView {
  return {
    id: token.id,
    kind: token.kind,
    domain: token.kind === 'domain' ? token.domain : null,
    role: token.kind === 'admin' ? token.role : null,
    label: token.label,
    createdAt: token.createdAt,
    expiresAt: token.expiresAt ?? null,
    revokedAt: token.revokedAt ?? null,
    lastUsedAt: token.lastUsedAt ?? null,
  }
}
