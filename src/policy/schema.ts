import Type, { type TSchema } from 'typebox'
import { MESSAGE_TYPES, PORT_ANY } from '../abi/addr.js'
import { MESSAGE_BYTES_MAX, NAME_CHARS_MAX } from '../abi/limits.js'
import { ACTIONS, COMMENT_CHARS_MAX, RATE_COUNT_MAX, RULE_TYPES } from './rule.js'

const NAME = `[a-z0-9][a-z0-9._-]{0,${NAME_CHARS_MAX - 1}}`
const PORT = '[0-9]{1,10}'
const PORTS = `(\\*|${PORT}(-${PORT})?)`
const SELECTOR = `(\\*|(tag:|@)?${NAME}):${PORTS}`
const TIME =
  '[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})'

const SHORT_DESCRIPTIONS: Readonly<Record<(typeof ACTIONS)[number], string>> = {
  accept: 'FROM -> TO: the datagram goes on to the ring of the receiver',
  reject: 'FROM -> TO: the datagram is refused, and the sender is told',
  drop: 'FROM -> TO: the datagram is swallowed, and the sender is not told',
  audit: 'FROM -> TO: the datagram goes on, but the verdict says who would not have let it',
  ask: 'FROM -> TO: the datagram is held until an operator grants the flow',
}

const Sides = (description: string): TSchema =>
  Type.String({
    pattern: `^[ \\t]*${SELECTOR}[ \\t]+->[ \\t]+${SELECTOR}[ \\t]*$`,
    description,
    examples: ['tag:web:* -> db:5432', '@admins:* -> *:22'],
  })
const Rate = (description: string): TSchema =>
  Type.String({ pattern: '^[0-9]{1,15}/[smh]$', description, examples: ['1000/s', '30/m', '5/h'] })
const Burst = (description: string): TSchema =>
  Type.Integer({ minimum: 1, maximum: RATE_COUNT_MAX, description })

const ruleFields = {
  id: Type.String({
    pattern: `^${NAME}$`,
    description: 'the lasting name of the rule: counters and logs are kept under it',
  }),
  type: Type.Enum([...RULE_TYPES], { description: 'the kind of message; any when left out' }),
  replies: Type.Boolean({ description: 'with accept, audit or ask: the way back too' }),
  max_bytes: Type.Integer({
    minimum: 0,
    maximum: MESSAGE_BYTES_MAX,
    description: 'bytes of payload; a larger datagram is refused',
  }),
  rate: Rate('datagrams per second, minute or hour, over all flows of the rule'),
  burst: Burst('datagrams that may come at once under rate; those of one second when left out'),
  flow_rate: Rate('datagrams per second, minute or hour in each flow'),
  flow_burst: Burst('datagrams that may come at once under flow_rate'),
  quota: Type.String({
    pattern: '^[0-9]{1,16}(KiB|MiB|GiB|TiB)?/[hd]$',
    description: 'bytes of payload per hour or day, over all flows of the rule',
    examples: ['5000/h', '64KiB/h', '2GiB/d'],
  }),
  log: Type.String({
    pattern: '^(none|deny|all|sample:[0-9]{1,15})$',
    description: 'which flows are logged',
    examples: ['none', 'deny', 'all', 'sample:100'],
  }),
  expires: Type.String({
    pattern: `^${TIME}$`,
    description: 'from then on the rule matches nothing',
    examples: ['2026-11-20T12:30:00Z'],
  }),
  comment: Type.String({ maxLength: COMMENT_CHARS_MAX, description: 'one line, for listings' }),
}

const RuleSchema = {
  ...Type.Object(
    {
      ...Object.fromEntries(
        ACTIONS.map(action => [action, Type.Optional(Sides(SHORT_DESCRIPTIONS[action]))]),
      ),
      ...Object.fromEntries(
        Object.entries(ruleFields).map(([key, field]) => [key, Type.Optional(field)]),
      ),
    },
    { additionalProperties: false, description: 'a rule; the first one that matches decides' },
  ),
  oneOf: ACTIONS.map(action => ({ required: [action] })),
}

const TestEndSchema = Type.String({
  pattern: `^(tag:)?${NAME}:${PORT}$`,
  description: 'a domain, or some domain with a tag, and one port',
  examples: ['web:40000', 'tag:web:40000'],
})

const TestSchema = Type.Object(
  {
    from: TestEndSchema,
    to: TestEndSchema,
    expect: Type.Enum([...ACTIONS], { description: 'what has to become of the datagram' }),
    type: Type.Optional(
      Type.Enum(Object.keys(MESSAGE_TYPES), { description: 'dgram when left out' }),
    ),
    bytes: Type.Optional(
      Type.Integer({ minimum: 0, maximum: MESSAGE_BYTES_MAX, description: '0 when left out' }),
    ),
    rule: Type.Optional(
      Type.String({
        pattern: `^${NAME}$`,
        description: 'the id of the rule that has to decide, or default',
      }),
    ),
  },
  { additionalProperties: false },
)

const Elements = Type.Array(
  Type.String({
    pattern: `^(tag:)?${NAME}(:${PORTS})?([ \\t]+expires[ \\t]+${TIME})?$`,
    description: 'a domain or a tag, with or without ports',
    examples: ['web', 'web:80', 'tag:db'],
  }),
  { uniqueItems: true },
)
const Domains = Type.Array(Type.String({ pattern: `^${NAME}$` }), { uniqueItems: true })

/** A policy file as JSON Schema sees it: for editors, where `parsePolicyDocument` decides. */
export const PolicySchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'v4vd policy',
  description: `who may send to whom: an ordered list of rules, ports up to ${PORT_ANY - 1}`,
  ...Type.Object(
    {
      sets: Type.Optional(
        Type.Record(Type.String({ pattern: `^${NAME}$` }), Elements, {
          additionalProperties: false,
          description:
            'domains under one name, for rules that say @name:port; [] for a set that is filled while the daemon runs',
        }),
      ),
      tags: Type.Optional(
        Type.Record(Type.String({ pattern: `^${NAME}$` }), Domains, {
          additionalProperties: false,
          description: 'tags that the policy gives to domains, besides those they have',
        }),
      ),
      rules: Type.Optional(Type.Array(RuleSchema)),
      tests: Type.Optional(Type.Array(TestSchema)),
    },
    { additionalProperties: false, minProperties: 1 },
  ),
}

/** The text of `policy/schema.json`. */
export function formatSchema(): string {
  return `${JSON.stringify(PolicySchema, null, 2)}\n`
}
