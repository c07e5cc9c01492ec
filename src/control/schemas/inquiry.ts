import Type, { type Static } from 'typebox'
import { MESSAGE_TYPES, type MessageType } from '../../abi/addr.js'
import { MESSAGE_BYTES_MAX } from '../../abi/limits.js'
import { ACTIONS } from '../../policy/rule.js'
import { Count, Revision } from './common.js'
import { YesNo } from './flow.js'

const END_CHARS_MAX = 128
const types = Object.keys(MESSAGE_TYPES) as MessageType[]

const End = Type.String({
  minLength: 1,
  maxLength: END_CHARS_MAX,
  description: 'a domain and its port, such as web:80',
})
const Ends = Type.String({
  minLength: 1,
  maxLength: END_CHARS_MAX,
  description: 'a domain, with or without ports, such as web, web:80 or web:80-89',
})
const AtRevision = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'of this revision; the one in force if left out',
  }),
)
const PortRange = Type.Object({ min: Type.Integer(), max: Type.Integer() })
const Place = Type.Object({ file: Type.String(), line: Type.Integer() })
const ExplainedRule = Type.Object({
  id: Type.String(),
  position: Type.Integer(),
  text: Type.String(),
  place: Type.Optional(Place),
  why: Type.Optional(Type.String()),
})
const Labels = Type.Array(Type.String(), {
  description: 'names of domains, tag:x for one of which only that is known, * for any other',
})

export const LintQuery = Type.Object(
  {
    revision: AtRevision,
    comments: Type.Optional(YesNo),
    unused: Type.Optional(
      Type.String({
        maxLength: 12,
        description: 'also rules that were not hit for so long, such as 30d',
      }),
    ),
  },
  { additionalProperties: false },
)

export const GraphQuery = Type.Object(
  {
    revision: AtRevision,
    format: Type.Optional(
      Type.Enum(['json', 'dot', 'mermaid', 'svg'], {
        description: 'instead of what the Accept header asks for',
      }),
    ),
  },
  { additionalProperties: false },
)

export const ExplainRequest = Type.Object(
  {
    from: End,
    to: End,
    type: Type.Optional(Type.Enum(types)),
    size: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MESSAGE_BYTES_MAX,
        description: 'bytes of payload, for rules with maxBytes or a quota; 0 if left out',
      }),
    ),
    revision: AtRevision,
  },
  { additionalProperties: false },
)
export type ExplainRequest = Static<typeof ExplainRequest>

export const ExplanationView = Type.Object({
  revision: Revision,
  action: Type.Enum([...ACTIONS]),
  decidedBy: Type.String({ description: 'id of the rule, or default' }),
  rule: Type.Union([ExplainedRule, Type.Null()]),
  maxBytes: Type.Optional(Type.Integer()),
  code: Type.Optional(
    Type.Enum(['EMSGSIZE'], {
      description: 'how a datagram of this size is refused, though the rule admits it',
    }),
  ),
  audited: Type.Optional(
    Type.Literal(true, {
      description: 'audit mode is on: what is refused here is delivered, and recorded as audit',
    }),
  ),
  walk: Type.Array(ExplainedRule, {
    description: 'the rules in front, and why each did not match',
  }),
  shadows: Type.Array(ExplainedRule, { description: 'later rules that would have matched' }),
})

export const ReachQuery = Type.Object(
  { domain: Ends, revision: AtRevision },
  { additionalProperties: false },
)
export const ReachView = Type.Object({
  revision: Revision,
  isWhole: Type.Optional(
    Type.Boolean({ description: 'of a graph: false when it was too large to be looked at whole' }),
  ),
  total: Count,
  reach: Type.Array(
    Type.Object({
      from: Labels,
      sourcePorts: PortRange,
      to: Labels,
      destinationPorts: PortRange,
      type: Type.String(),
      action: Type.Enum([...ACTIONS]),
      rule: Type.String(),
    }),
  ),
})

export const DiffQuery = Type.Object(
  { from: Type.Integer({ minimum: 0 }), to: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)

const LabelledPairs = Type.Object({ from: Labels, to: Labels })
const Decision = Type.Object({
  action: Type.Enum([...ACTIONS]),
  rule: Type.String({ description: 'id of the rule, or default' }),
  effect: Type.String({ description: 'the action and its limits, such as accept rate 10/s' }),
})
const DecisionChange = Type.Object({
  from: Labels,
  sourcePorts: PortRange,
  to: Labels,
  destinationPorts: PortRange,
  type: Type.String(),
  before: Decision,
  after: Decision,
  kind: Type.Enum(['admitted', 'refused', 'changed']),
  except: Type.Optional(
    Type.Array(LabelledPairs, {
      description: 'pairs among these that it is not about: each of from with each of to',
    }),
  ),
  fromTotal: Type.Integer({ description: 'labels in from, of which only the first are listed' }),
  toTotal: Type.Integer({ description: 'the same of to' }),
  exceptTotal: Type.Integer({ description: 'the same of except' }),
})

const diffFields = {
  rules: Type.Object({
    added: Count,
    removed: Count,
    changed: Count,
    moved: Count,
    listed: Type.Array(Type.Unknown()),
  }),
  setsChanged: Type.Boolean(),
  tagsChanged: Type.Boolean(),
  testsChanged: Type.Boolean(),
  decisions: Type.Object({
    admitted: Count,
    refused: Count,
    changed: Count,
    pairsLeftOut: Type.Integer({
      minimum: 0,
      description:
        'pairs of domains not compared, as it would have taken too long; 0 when nothing is left out',
    }),
    listed: Type.Array(DecisionChange),
  }),
}
export const DiffView = Type.Object({ from: Revision, to: Revision, ...diffFields })

export const PlanQuery = Type.Object(
  {
    replay: Type.Optional(
      Type.String({
        maxLength: 12,
        description: 'how far back flows are decided again, such as 24h; the flow log if left out',
      }),
    ),
  },
  { additionalProperties: false },
)

export const PlanView = Type.Object({
  status: Type.Enum(['none', 'changes', 'refused']),
  revision: Revision,
  tests: Type.Object({ run: Count, failed: Count, failures: Type.Array(Type.Unknown()) }),
  lint: Type.Object({ findings: Count, listed: Type.Array(Type.Unknown()) }),
  ...diffFields,
  flows: Type.Unknown({ description: 'the flows seen lately that would be decided otherwise' }),
})

export const LintView = Type.Object({
  revision: Revision,
  total: Count,
  findings: Type.Array(
    Type.Object({
      code: Type.String(),
      severity: Type.Enum(['error', 'warning', 'note']),
      about: Type.String(),
      place: Type.Optional(Place),
      message: Type.String(),
    }),
  ),
})
