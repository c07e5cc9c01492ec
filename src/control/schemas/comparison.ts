import Type, { type Static, type TSchema } from 'typebox'
import { Count, Milliseconds, Revision } from './common.js'
import { ErrorBody, errorResponses } from './error.js'

const Text = Type.Optional(Type.String({ description: 'may be cut' }))
const Change = Type.Object(
  {
    part: Type.Enum(['rule', 'set', 'tag', 'test']),
    kind: Type.Enum(['added', 'removed', 'changed', 'moved']),
    id: Type.String(),
    before: Text,
    after: Text,
    from: Type.Optional(Type.Integer({ description: 'of a rule that moved' })),
    position: Type.Optional(Type.Integer({ description: 'of a rule' })),
    place: Type.Optional(Type.Object({ file: Type.String(), line: Type.Integer() })),
    revision: Type.Optional(
      Type.Integer({ description: 'the last one in which others changed it, where that is known' }),
    ),
  },
  { description: 'what became of a part of the policy' },
)
const Changes = listOf(Change)
// Those of an order are ids of rules, all others changes; telling them apart costs more than it is worth.
const Conflicts = listOf(
  Type.Unknown({
    description:
      'a part that both changed and not alike, with both changes; or part "order", with ids of rules that both put where it is not said which is asked first',
  }),
)

/** What others did while a change was made, beside that change. */
const ComparisonView = Type.Object({
  base: Type.Integer({ description: 'the revision that the change was made for' }),
  current: Revision,
  revisions: Type.Array(
    Type.Object({
      revision: Revision,
      at: Milliseconds,
      author: Type.String(),
      reason: Type.String(),
    }),
    { description: 'since the base, the newest first; the oldest may be left out' },
  ),
  theirs: orNull(Changes, 'what others changed since; null when the base is not kept'),
  yours: orNull(
    Changes,
    'what the change does to the base, or to the policy in force when the base is not kept; null when it can not be made',
  ),
  conflicts: orNull(Conflicts, 'null when it is not compared three ways'),
  isClean: Type.Boolean({ description: 'true when both can be had together' }),
  problem: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'why it is not compared three ways',
  }),
})

const StaleBody = Type.Object(
  { ...ErrorBody.properties, comparison: Type.Optional(ComparisonView) },
  { description: 'the policy is not at the revision that the change was made for' },
)

/** What a change of the policy may answer besides its own replies. */
export const changeResponses = { ...errorResponses, 412: StaleBody } as const

function listOf(item: TSchema) {
  return Type.Object({
    total: Count,
    listed: Type.Array(item, { description: 'the first of them' }),
  })
}

// As `MillisecondsOrNull`, no union.
function orNull<T extends TSchema>(schema: T, description: string) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: ['object', 'null'], description })
}
