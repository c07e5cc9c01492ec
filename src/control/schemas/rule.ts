import Type, { type Static } from 'typebox'
import { NAME_CHARS_MAX } from '../../abi/limits.js'
import { ACTIONS, COMMENT_CHARS_MAX, RULE_TYPES } from '../../policy/rule.js'
import { Count, MillisecondsOrNull, Reason, Revision } from './common.js'

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
  },
  { additionalProperties: false },
)
export type RuleDocument = Static<typeof RuleDocument>

export const RuleView = Type.Object({
  id: Id,
  position: Position,
  action: Action,
  source: SelectorText,
  destination: SelectorText,
  type: RuleType,
  replies: Replies,
  comment: Comment,
  hits: Count,
  bytes: Count,
  lastHit: MillisecondsOrNull,
})
export type RuleView = Static<typeof RuleView>

/** What was decided because no rule matched. */
export const DefaultView = Type.Object({
  action: Type.Enum(['reject']),
  hits: Count,
  bytes: Count,
  lastHit: MillisecondsOrNull,
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
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type RulePatch = Static<typeof RulePatch>

export const RuleParams = Type.Object({ id: Id })

export const RuleChanged = Type.Object({ revision: Revision, rule: RuleView })
export const RuleRemoved = Type.Object({ revision: Revision, id: Id })
