import Type, { type Static } from 'typebox'
import { MESSAGE_TYPES } from '../../abi/addr.js'
import { FLOW_VERDICTS } from '../../policy/flow-verdict.js'
import { Count, Milliseconds } from './common.js'
import { flowFilter } from './flow.js'

export const HISTORY_MAX = 10_000

const Since = Type.Optional(
  Type.String({ maxLength: 12, description: 'how far to look back, such as 24h; 7d if left out' }),
)

export const SinceQuery = Type.Object({ since: Since }, { additionalProperties: false })

export const HistoryQuery = Type.Object(
  {
    since: Since,
    ...flowFilter,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: HISTORY_MAX })),
  },
  { additionalProperties: false },
)

export const SeenFlowView = Type.Object({
  source: Type.String({ description: 'a port that the daemon picked is written *' }),
  destination: Type.String(),
  type: Type.Enum(Object.keys(MESSAGE_TYPES) as (keyof typeof MESSAGE_TYPES)[]),
  verdict: Type.Enum([...FLOW_VERDICTS]),
  rule: Type.String(),
  datagrams: Count,
  bytes: Count,
  firstAt: Milliseconds,
  lastAt: Milliseconds,
})
export type SeenFlowView = Static<typeof SeenFlowView>

export const HistoryList = Type.Object({
  flows: Type.Array(SeenFlowView, {
    description: 'one entry for each flow, verdict and day, those seen last first',
  }),
  lost: Type.Integer({
    minimum: 0,
    description: 'datagrams since the start that are in no flow, because there were too many flows',
  }),
})

export const Suggestion = Type.Object({
  flows: Type.Integer({ minimum: 0, description: 'seen, as they are written down' }),
  rules: Count,
  tests: Count,
  document: Type.String({ description: 'a policy file' }),
})
