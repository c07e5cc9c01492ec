import Type, { type Static } from 'typebox'
import { Count, DomainNumber, Milliseconds, Name, Revision } from './common.js'
import { DomainCounts } from './domain.js'

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

export const Stats = Type.Object({
  revision: Revision,
  startedAt: Milliseconds,
  rules: Count,
  sessions: Count,
  rings: Count,
  ringBytes: Count,
  ringBytesUsed: Count,
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
  domains: Type.Array(
    Type.Object({ id: DomainNumber, name: Name, sessions: Count, counters: DomainCounts }),
  ),
})
export type Stats = Static<typeof Stats>
