import Type, { type Static } from 'typebox'
import { Count, DomainNumber, Milliseconds, Name, Revision } from './common.js'
import { DomainCounts, UndeliveredView } from './domain.js'

const VerdictCount = Type.Object({ datagrams: Count, bytes: Count })

/** What the policy has decided, by verdict. */
export const VerdictCounts = Type.Object({
  accept: VerdictCount,
  reject: VerdictCount,
  drop: VerdictCount,
  audit: VerdictCount,
  ask: VerdictCount,
})
export type VerdictCounts = Static<typeof VerdictCounts>

export const StatsQuery = Type.Object(
  {
    seenSince: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          'list only the domains that were attached then or later, in milliseconds since the Unix ' +
          'epoch; else all',
      }),
    ),
  },
  { additionalProperties: false },
)
export type StatsQuery = Static<typeof StatsQuery>

export const Stats = Type.Object({
  at: Type.Integer({ minimum: 0, description: 'now, in milliseconds since the Unix epoch' }),
  revision: Revision,
  startedAt: Milliseconds,
  rules: Count,
  sessions: Count,
  rings: Count,
  ringBytes: Count,
  ringBytesUsed: Count,
  waiters: Type.Integer({ minimum: 0, description: 'senders that wait for room in a ring' }),
  verdicts: VerdictCounts,
  retired: Type.Object(
    { hits: Count, bytes: Count },
    {
      description:
        'what rules that are gone, or were zeroed, had decided; it is part of the verdicts',
    },
  ),
  store: Type.Object({
    databaseBytes: Count,
    auditRecords: Count,
    revisions: Count,
    revisionBytes: Count,
  }),
  totals: DomainCounts,
  undelivered: UndeliveredView,
  domains: Type.Array(
    Type.Object({ id: DomainNumber, name: Name, sessions: Count, counters: DomainCounts }),
  ),
})
export type Stats = Static<typeof Stats>
