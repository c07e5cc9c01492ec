import Type, { type Static } from 'typebox'
import { defaultStoreLimits } from '../../store/limits.js'
import { ADMIN_ROLES } from '../../store/token-store.js'
import { Milliseconds, MillisecondsOrNull, Reason, Revision } from './common.js'

const LABEL_CHARS_MAX = defaultStoreLimits.labelCharsMax

const Role = Type.Enum([...ADMIN_ROLES], {
  description: 'what an admin token allows; each role may do what those before it may',
})

export const TokenView = Type.Object({
  id: Type.Integer({ minimum: 1 }),
  kind: Type.Enum(['domain', 'admin']),
  domain: Type.Union([Type.String(), Type.Null()], {
    description: 'whose token it is; null for an admin token',
  }),
  role: Type.Union([Role, Type.Null()], { description: 'null for the token of a domain' }),
  label: Type.String(),
  createdAt: Milliseconds,
  expiresAt: MillisecondsOrNull,
  revokedAt: MillisecondsOrNull,
  lastUsedAt: MillisecondsOrNull,
})
export type TokenView = Static<typeof TokenView>

/** Of those that end soon. */
export const TOKENS_LISTED_MAX = 1000

export const TokenListQuery = Type.Object(
  {
    ending: Type.Optional(
      Type.String({
        maxLength: 12,
        description: `instead the valid tokens of admins and domains that end within this time, such as 7d: the soonest first, ${TOKENS_LISTED_MAX} at most`,
      }),
    ),
  },
  { additionalProperties: false },
)

export const TokenList = Type.Object({ tokens: Type.Array(TokenView) })

const issueFields = {
  label: Type.Optional(
    Type.String({ maxLength: LABEL_CHARS_MAX, description: 'what the token is for' }),
  ),
  expiresAt: Type.Optional(Milliseconds),
  reason: Type.Optional(Reason),
}

/** The body may be left out: a token needs neither label nor expiry. */
export const TokenIssue = Type.Union([
  Type.Object(issueFields, { additionalProperties: false }),
  Type.Null(),
])
export type TokenIssue = Static<typeof TokenIssue>

export const AdminTokenIssue = Type.Object(
  { role: Role, ...issueFields },
  { additionalProperties: false },
)

export const WhoAmI = Type.Object({ token: TokenView })

export const TokenIssued = Type.Object({
  revision: Revision,
  token: TokenView,
  text: Type.String({ description: 'the token itself; it is shown this once and not kept' }),
})

export const TokenRotate = Type.Union([
  Type.Object(
    {
      overlap: Type.Optional(
        Type.String({
          maxLength: 12,
          description: 'how long the old one goes on, such as 1h; not at all if left out',
        }),
      ),
      expiresAt: Type.Optional({
        ...Milliseconds,
        description:
          'when the new one ends, in milliseconds since the Unix epoch; as the old one if left out',
      }),
      reason: Type.Optional(Reason),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
])

export const TokenRotated = Type.Object({
  ...TokenIssued.properties,
  old: TokenView,
  isInFile: Type.Boolean({
    description: "the new one was written into the daemon's admin.token, where the old one was",
  }),
})

export const TokenRevoked = Type.Object({ revision: Revision, token: TokenView })

export const TokenParams = Type.Object({
  id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
})
