import Type, { type Static } from 'typebox'
import { Count, Reason, Revision } from './common.js'
import { RuleDocument } from './rule.js'

/** The whole policy, as it is given out and as it is taken back. */
export const PolicyDocument = Type.Object(
  {
    revision: Type.Optional(Revision),
    rules: Type.Array(RuleDocument, { description: 'in the order in which they are asked' }),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type PolicyDocument = Static<typeof PolicyDocument>

export const PolicyReplaced = Type.Object({ revision: Revision, rules: Count })
