import Type, { type Static } from 'typebox'
import { NAME_CHARS_MAX } from '../../abi/limits.js'
import { DOCUMENT_NAME, DOCUMENT_NAME_CHARS_MAX } from '../../policy/document-name.js'
import { ACTIONS } from '../../policy/rule.js'
import { DOCUMENT_CHARS_MAX } from '../../policy/yaml-source.js'
import { Count, Milliseconds, MillisecondsOrNull, Reason, ReasonBody, Revision } from './common.js'
import { RuleDocument } from './rule.js'

const TEXT_CHARS_MAX = 160

const Documents = Type.Array(
  Type.Object(
    {
      name: Type.String({
        minLength: 1,
        maxLength: DOCUMENT_NAME_CHARS_MAX,
        pattern: DOCUMENT_NAME,
        description:
          'name of the file, such as 10-web.yaml or sets/oncall.yaml; they are read in the order of these',
      }),
      text: Type.String({ maxLength: DOCUMENT_CHARS_MAX }),
    },
    { additionalProperties: false },
  ),
  { description: 'policy files, comments and all' },
)

const Named = Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX })
const Words = Type.String({ minLength: 1, maxLength: TEXT_CHARS_MAX })
const Sets = Type.Record(Named, Type.Array(Words), {
  description: 'elements such as web, web:80 or tag:db, by the name of the set',
})
const Tags = Type.Record(Named, Type.Array(Named), {
  description: 'names of domains, by the tag that the policy gives them',
})

const Tests = Type.Array(
  Type.Object(
    {
      from: Words,
      to: Words,
      expect: Type.Enum([...ACTIONS]),
      type: Type.Optional(Type.Enum(['dgram', 'stream'])),
      bytes: Type.Optional(Type.Integer({ minimum: 0 })),
      rule: Type.Optional(Named),
    },
    { additionalProperties: false },
  ),
  { description: 'datagrams and what has to become of them; one that fails keeps the policy out' },
)

/** A whole policy: documents, or rules with sets, tags and tests. */
export const PolicyRequest = Type.Object(
  {
    revision: Type.Optional(Revision),
    documents: Type.Optional(Documents),
    rules: Type.Optional(
      Type.Array(RuleDocument, { description: 'in the order in which they are asked' }),
    ),
    sets: Type.Optional(Sets),
    tags: Type.Optional(Tags),
    tests: Type.Optional(Tests),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type PolicyRequest = Static<typeof PolicyRequest>

/** The whole policy as it is given out, in one form or the other; `PUT` takes both back. */
export const PolicyView = Type.Object({
  revision: Revision,
  documents: Type.Optional(Documents),
  rules: Type.Optional(Type.Array(RuleDocument)),
  sets: Type.Optional(Sets),
  tags: Type.Optional(Tags),
  tests: Type.Optional(Tests),
})

export const ViewQuery = Type.Object(
  {
    form: Type.Optional(
      Type.Enum(['rules', 'documents'], {
        description: 'documents: as they were given, or one that is written from the rules',
      }),
    ),
  },
  { additionalProperties: false },
)

/** How a policy is put in force. */
export const ApplyQuery = Type.Object(
  {
    confirm: Type.Optional(
      Type.String({
        maxLength: 12,
        description: 'roll back unless it is confirmed within this time, such as 30s',
      }),
    ),
    tests: Type.Optional(
      Type.Enum(['run', 'skip'], { description: 'skip needs the role root, and is written down' }),
    ),
  },
  { additionalProperties: false },
)
export type ApplyQuery = Static<typeof ApplyQuery>

/** The same for a whole policy. */
export const PutQuery = Type.Object(
  {
    ...ApplyQuery.properties,
    stale: Type.Optional(
      Type.Enum(['refuse', 'merge'], {
        description:
          'what to do when If-Match is not the revision in force: merge puts it in force together with what others changed since, unless there is a conflict',
      }),
    ),
  },
  { additionalProperties: false },
)
export type PutQuery = Static<typeof PutQuery>

const Unconfirmed = Type.Object({
  revision: Revision,
  backTo: Revision,
  deadline: Milliseconds,
})

export const PolicyApplied = Type.Object({
  revision: Revision,
  rules: Count,
  added: Count,
  changed: Count,
  removed: Count,
  deadline: MillisecondsOrNull,
  unchanged: Type.Boolean({
    description: 'true when the policy in force says the same already: no revision was made',
  }),
  mergedFrom: Type.Optional(
    Type.Integer({
      description:
        'what others changed since this revision is in it as well: the documents have it',
    }),
  ),
})
export type PolicyApplied = Static<typeof PolicyApplied>

export const RevisionView = Type.Object({
  revision: Revision,
  at: Milliseconds,
  author: Type.String(),
  reason: Type.String(),
  hash: Type.String({ description: 'SHA-256 of what is kept of it' }),
  rules: Count,
  bytes: Count,
})

export const RevisionList = Type.Object({
  revision: Revision,
  unconfirmed: Type.Union([Unconfirmed, Type.Null()]),
  revisions: Type.Array(RevisionView),
})

export const RevisionListQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    before: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  },
  { additionalProperties: false },
)

const RevisionNumber = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const RevisionParams = Type.Object({ revision: RevisionNumber })
export const RollbackBody = Type.Object(
  { revision: RevisionNumber, reason: Type.Optional(Reason) },
  { additionalProperties: false },
)

export const ConfirmBody = ReasonBody
export const PolicyConfirmed = Type.Object({ revision: Revision })
