import Type, { type Static } from 'typebox'
import { NAME_CHARS_MAX } from '../../abi/limits.js'
import { ACTIONS, COMMENT_CHARS_MAX, RULE_TYPES } from '../../policy/rule.js'
import { Count, Milliseconds, MillisecondsOrNull, Reason, Revision } from './common.js'

const SELECTOR_CHARS_MAX = 128

const Id = Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX, description: 'id of a rule' })
const Position = Type.Integer({
  minimum: 1,
  description: 'place in the table, counted from 1; the first rule that matches decides',
})
const Action = Type.Enum([...ACTIONS])
const SelectorText = Type.String({
  minLength: 1,
  maxLength: SELECTOR_CHARS_MAX,
  description: 'domains and ports, such as web:80, tag:db:5432-5439, 7:80 or *:*',
})
const RuleType = Type.Enum([...RULE_TYPES])
const Replies = Type.Boolean({ description: 'accept the way back too' })
const Comment = Type.String({ maxLength: COMMENT_CHARS_MAX })
const OPTION_CHARS_MAX = 40
const MaxBytes = Type.Integer({
  minimum: 0,
  description: 'bytes of payload; larger datagrams are refused with EMSGSIZE',
})
const Rate = Type.String({
  maxLength: OPTION_CHARS_MAX,
  description: 'datagrams per second, minute or hour, such as 1000/s, 30/m or 5/h',
})
const Burst = Type.Integer({ minimum: 1, description: 'datagrams that may come at once' })
const Quota = Type.String({
  maxLength: OPTION_CHARS_MAX,
  description: 'bytes of payload per hour or day, such as 5000/h, 64KiB/h or 2GiB/d',
})
const Log = Type.String({
  maxLength: OPTION_CHARS_MAX,
  description: 'what the flow log keeps: none, deny, all or sample:100',
})
const ExpiresAt = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'milliseconds since the Unix epoch',
})
const ExpiresText = Type.String({
  maxLength: OPTION_CHARS_MAX,
  description: 'a time such as 2026-11-20T12:30:00Z, or a length of time such as 10m',
})
const Expires = Type.Union([ExpiresAt, ExpiresText], {
  description: 'from then on the rule matches nothing',
})

const options = {
  maxBytes: Type.Optional(MaxBytes),
  rate: Type.Optional(Rate),
  burst: Type.Optional(Burst),
  flowRate: Type.Optional(Rate),
  flowBurst: Type.Optional(Burst),
  quota: Type.Optional(Quota),
  log: Type.Optional(Log),
}

/** What a rule says and what it is called; an id is made for one that comes without. */
export const RuleDocument = Type.Object(
  {
    id: Type.Optional(Id),
    action: Action,
    source: SelectorText,
    destination: SelectorText,
    type: Type.Optional(RuleType),
    replies: Type.Optional(Replies),
    comment: Type.Optional(Comment),
    ...options,
    expires: Type.Optional(Expires),
  },
  { additionalProperties: false },
)
export type RuleDocument = Static<typeof RuleDocument>

const counts = {
  hits: Count,
  bytes: Count,
  lastHit: MillisecondsOrNull,
  audited: Type.Integer({
    minimum: 0,
    description: 'of the hits, those that were delivered only because of audit mode',
  }),
  limited: Type.Integer({
    minimum: 0,
    description:
      'datagrams that a limit of the rule refused; those over a rate are tried again and no hits',
  }),
}
const quotaUse = {
  quotaUsed: Type.Optional(
    Type.Integer({ minimum: 0, description: 'of a rule with a quota: bytes of it that are used' }),
  ),
  quotaResets: Type.Optional(
    Type.Union([Milliseconds, Type.Null()], {
      description: 'when all of the quota is there again; null when it is now',
    }),
  ),
}
const RuleCounts = Type.Object(counts)
export type RuleCounts = Static<typeof RuleCounts>

export const RuleView = Type.Object({
  id: Id,
  position: Position,
  action: Action,
  source: SelectorText,
  destination: SelectorText,
  type: RuleType,
  replies: Replies,
  comment: Comment,
  ...options,
  expires: Type.Optional(ExpiresAt),
  file: Type.Optional(Type.String({ description: 'the document where it stands' })),
  line: Type.Optional(Type.Integer({ minimum: 1 })),
  ...counts,
  ...quotaUse,
})
export type RuleView = Static<typeof RuleView>

/** What was decided because no rule matched. */
export const DefaultView = Type.Object({
  action: Type.Enum(['reject']),
  ...counts,
})
export type DefaultView = Static<typeof DefaultView>

export const RuleList = Type.Object({
  revision: Revision,
  total: Count,
  rules: Type.Array(RuleView),
  default: DefaultView,
})
export type RuleList = Static<typeof RuleList>

export const RuleListQuery = Type.Object(
  {
    from: Type.Optional(Type.Integer({ minimum: 1, description: 'position of the first one' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, description: 'how many; all if left out' })),
    hitSince: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          'only those that decided something since then, in milliseconds since the Unix epoch',
      }),
    ),
  },
  { additionalProperties: false },
)
export type RuleListQuery = Static<typeof RuleListQuery>

export const RuleAdd = Type.Object(
  {
    ...RuleDocument.properties,
    position: Type.Optional(Position),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type RuleAdd = Static<typeof RuleAdd>

export const RulePatch = Type.Object(
  {
    position: Type.Optional(Position),
    action: Type.Optional(Action),
    source: Type.Optional(SelectorText),
    destination: Type.Optional(SelectorText),
    type: Type.Optional(RuleType),
    replies: Type.Optional(Replies),
    comment: Type.Optional(Comment),
    maxBytes: Type.Optional(Type.Union([MaxBytes, Type.Null()])),
    rate: Type.Optional(Type.Union([Rate, Type.Null()])),
    burst: Type.Optional(Type.Union([Burst, Type.Null()])),
    flowRate: Type.Optional(Type.Union([Rate, Type.Null()])),
    flowBurst: Type.Optional(Type.Union([Burst, Type.Null()])),
    quota: Type.Optional(Type.Union([Quota, Type.Null()])),
    log: Type.Optional(Type.Union([Log, Type.Null()])),
    expires: Type.Optional(Type.Union([ExpiresAt, ExpiresText, Type.Null()])),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type RulePatch = Static<typeof RulePatch>

export const RuleParams = Type.Object({ id: Id })

export const RuleChanged = Type.Object({ revision: Revision, rule: RuleView })
export const RulesZeroed = Type.Object({
  revision: Revision,
  hits: Type.Integer({ minimum: 0, description: 'what had been counted, and is retired now' }),
  bytes: Count,
})
export const RuleRemoved = Type.Object({ revision: Revision, id: Id })
