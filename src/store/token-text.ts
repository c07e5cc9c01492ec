import { createHash } from 'node:crypto'

/** Whom a token stands for. */
export type TokenKind = 'domain' | 'admin'

/** How many random bytes a secret is. */
export const SECRET_BYTES = 32

const prefixes = { domain: 'v4v', admin: 'v4vadmin' } as const
// 256 bits in base64url are 43 characters.
const pattern = /^(v4v|v4vadmin)_([1-9][0-9]{0,14})_([A-Za-z0-9_-]{43})$/

/** What a token says of itself. */
export interface TokenText {
  readonly kind: TokenKind
  readonly id: number
  /** In base64url. */
  readonly secret: string
}

/** A token as whoever has it writes it: `v4v_<id>_<secret>` or `v4vadmin_<id>_<secret>`. */
export function formatToken({ kind, id, secret }: TokenText): string {
  return `${prefixes[kind]}_${id}_${secret}`
}

/** @returns undefined for what is no token. */
export function parseToken(text: string): TokenText | undefined {
  const [, prefix, id, secret] = pattern.exec(text) ?? []
  if (id === undefined || secret === undefined) return undefined
  return { kind: prefix === prefixes.admin ? 'admin' : 'domain', id: Number(id), secret }
}

/**
 * What is kept of a secret. It is 256 random bits, so a plain SHA-256 of it tells nobody anything; a
 * slow hash would only slow down whoever logs in. Of the text, for several texts say the same bytes.
 */
export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
