import Type, { type Static } from 'typebox'
import { HEAD_PATTERN } from '../../store/audit-head.js'
import { Milliseconds } from './common.js'

export const AUDIT_PAGE_MAX = 1000

const RevisionOrNull = Type.Union([Type.Integer(), Type.Null()])
const TextOrNull = Type.Union([Type.String(), Type.Null()])

export const AuditView = Type.Object({
  seq: Type.Integer({ description: 'counted from 1, without a gap' }),
  at: Milliseconds,
  actor: Type.String(),
  auth: { ...TextOrNull, description: 'token, file (access to the state folder) or daemon' },
  origin: { ...TextOrNull, description: 'an address, or a user of the machine' },
  action: Type.String(),
  target: Type.String(),
  revisionBefore: RevisionOrNull,
  revisionAfter: RevisionOrNull,
  reason: Type.String(),
  detail: Type.Unknown(),
  hash: Type.String({ description: 'SHA-256 over the hash before and this record' }),
})
export type AuditView = Static<typeof AuditView>

export const AuditList = Type.Object({ records: Type.Array(AuditView) })

export const AuditQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: AUDIT_PAGE_MAX })),
    before: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'only records older than this seq',
      }),
    ),
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'only records newer than this seq, and the oldest first',
      }),
    ),
  },
  { additionalProperties: false },
)

export const AuditHeadView = Type.Object({
  seq: Type.Integer({ description: 'of the last record, and how many there are' }),
  hash: Type.String({ description: 'of that record' }),
})

export const AuditVerifyQuery = Type.Object(
  {
    head: Type.Optional(
      Type.String({
        pattern: HEAD_PATTERN,
        description: 'seq and hash of GET /audit/head from before, as SEQ:HASH',
      }),
    ),
  },
  { additionalProperties: false },
)

export const AuditVerdictView = Type.Object({
  ok: Type.Boolean(),
  records: Type.Optional(Type.Integer({ description: 'how many there are' })),
  hash: Type.Optional(Type.String({ description: 'of the last one' })),
  seq: Type.Optional(
    Type.Integer({ description: 'the first one that is not what was written, or is lost' }),
  ),
  message: Type.Optional(Type.String()),
})
