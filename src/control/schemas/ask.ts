import Type, { type Static } from 'typebox'
import { MESSAGE_TYPES } from '../../abi/addr.js'
import { Count, Milliseconds, Reason } from './common.js'

const flow = {
  source: Type.String({ description: 'such as web:80, or web:* for every port of it' }),
  destination: Type.String(),
  type: Type.Enum(Object.keys(MESSAGE_TYPES) as (keyof typeof MESSAGE_TYPES)[]),
}

const AskId = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

export const AskView = Type.Object({
  id: AskId,
  ...flow,
  rule: Type.String({ description: 'id of the rule that says ask' }),
  file: Type.Optional(Type.String()),
  line: Type.Optional(Type.Integer({ minimum: 1 })),
  since: Milliseconds,
  deadline: Type.Integer({ description: 'when it is denied; milliseconds since the Unix epoch' }),
  datagrams: Type.Integer({
    minimum: 0,
    description: 'refused so far because of it, those that were tried again included',
  }),
})
export type AskView = Static<typeof AskView>

export const GrantView = Type.Object({
  id: AskId,
  ...flow,
  by: Type.String(),
  since: Milliseconds,
  expires: Milliseconds,
  datagrams: Count,
})
export type GrantView = Static<typeof GrantView>

export const AskList = Type.Object({
  asks: Type.Array(AskView, { description: 'flows that wait, the longest first' }),
  grants: Type.Array(GrantView, { description: 'flows that were admitted, the oldest first' }),
})
export type AskList = Static<typeof AskList>

export const AskParams = Type.Object({ id: AskId })

export const GrantBody = Type.Object(
  {
    for: Type.String({ maxLength: 12, description: 'how long it holds, such as 10m' }),
    anyPort: Type.Optional(
      Type.Boolean({ description: 'from whatever port of the domain that waits' }),
    ),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)

export const Granted = Type.Object({ grant: GrantView })
export const Denied = Type.Object({ ask: AskView })
