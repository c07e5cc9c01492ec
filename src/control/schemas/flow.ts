import Type, { type Static } from 'typebox'
import { errorCodes } from '../../abi/errno.js'
import { ACTIONS } from '../../policy/rule.js'
import { Count, Milliseconds, Revision } from './common.js'

export const FlowView = Type.Object({
  seq: Type.Integer({ description: 'counts all records of this daemon' }),
  at: Milliseconds,
  decisionId: Type.String({ description: 'as the sender has it in its error, such as d-1f' }),
  verdict: Type.Enum([...ACTIONS]),
  rule: Type.Union([Type.String(), Type.Null()], {
    description: 'id of the rule that decided; null when none matched',
  }),
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

const YesNo = Type.Enum(['', 'true', 'false', '1', '0'], { description: 'yes when it is there' })

export const FlowQuery = Type.Object(
  {
    follow: Type.Optional(YesNo),
    format: Type.Optional(Type.Enum(['events', 'json'])),
    verdict: Type.Optional(Type.Enum([...ACTIONS])),
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
