import Type, { type Static } from 'typebox'
import { errorCodes } from '../../abi/errno.js'
import { FLOW_VERDICTS } from '../../policy/flow-verdict.js'
import { Count, Milliseconds, Name, Revision } from './common.js'

export const FlowView = Type.Object({
  seq: Type.Integer({ description: 'counts all records of this daemon' }),
  at: Milliseconds,
  decisionId: Type.String({ description: 'as the sender has it in its error, such as d-1f' }),
  verdict: Type.Enum([...FLOW_VERDICTS], {
    description:
      'what was done: audit where a rule says so, or audit mode delivers what policy refuses; limit where a rule lets through less',
  }),
  rule: Type.Union([Type.String(), Type.Null()], {
    description: 'id of the rule that decided; null when none matched',
  }),
  file: Type.Optional(Type.String({ description: 'the document where the rule stands' })),
  line: Type.Optional(Type.Integer({ minimum: 1 })),
  position: Type.Integer({ description: 'its place in the table then; 0 when none matched' }),
  revision: Revision,
  code: Type.Union([Type.Enum([...errorCodes]), Type.Null()], {
    description: 'what the sender was told; null when that was success',
  }),
  reason: Type.String({ description: 'the same as a sentence' }),
  source: Type.String(),
  destination: Type.String(),
  type: Type.String(),
  datagrams: Count,
  bytes: Count,
})
export type FlowView = Static<typeof FlowView>

export const FlowList = Type.Object({ flows: Type.Array(FlowView) })

export const YesNo = Type.Enum(['', 'true', 'false', '1', '0'], {
  description: 'yes when it is there',
})

export const FollowQuery = Type.Object(
  { follow: Type.Optional(YesNo) },
  { additionalProperties: false },
)

/** Which flows are asked for. */
export const flowFilter = {
  verdict: Type.Optional(Type.Enum([...FLOW_VERDICTS])),
  source: Type.Optional(Name),
  destination: Type.Optional(Name),
  rule: Type.Optional(
    Type.String({ maxLength: 64, description: 'id of a rule; "default" where none matched' }),
  ),
}

export const FlowQuery = Type.Object(
  {
    follow: Type.Optional(YesNo),
    format: Type.Optional(Type.Enum(['events', 'json'])),
    ...flowFilter,
    limit: Type.Optional(
      Type.Integer({ minimum: 0, description: 'how many of the recent ones; all if left out' }),
    ),
  },
  { additionalProperties: false },
)
export type FlowQuery = Static<typeof FlowQuery>

export const DecisionParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 32, description: 'such as d-1f' }),
})
