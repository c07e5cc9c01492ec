import Type, { type Static } from 'typebox'
import { TAGS_PER_DOMAIN_MAX } from '../../abi/limits.js'
import {
  Count,
  DomainNumber,
  Milliseconds,
  MillisecondsOrNull,
  Name,
  Reason,
  Revision,
} from './common.js'
import { DisconnectView } from './disconnect.js'
import { RingView } from './ring.js'
import { SessionView } from './session.js'

const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 63 }), {
  maxItems: 4 * TAGS_PER_DOMAIN_MAX, // with repetitions; the store bounds what is left of them
  description: 'tags that rules may name',
})

export const DomainCounts = Type.Object({
  datagramsSent: Count,
  bytesSent: Count,
  datagramsReceived: Count,
  bytesReceived: Count,
  datagramsRefused: Count,
  datagramsDropped: Count,
})
export type DomainCounts = Static<typeof DomainCounts>

/** Datagrams by why they were not delivered; what did not happen is left out. */
export const UndeliveredView = Type.Record(Type.String(), Count, {
  description:
    'datagrams by the code that their sender was told, drop for those that a rule dropped; what is ' +
    'tried again counts each time',
})
export type UndeliveredView = Static<typeof UndeliveredView>

const domainFields = {
  id: DomainNumber,
  name: Name,
  tags: Type.Array(Type.String()),
  enabled: Type.Boolean({ description: 'a domain that is not enabled can not attach' }),
  createdAt: Milliseconds,
  lastSeenAt: MillisecondsOrNull,
  sessions: Count,
  rings: Count,
  ringBytes: Count,
  ringBytesUsed: Count,
  counters: DomainCounts,
  undelivered: Type.Object(
    { from: UndeliveredView, to: UndeliveredView },
    { description: 'what it sent, and what was sent to it, that was not delivered' },
  ),
}
export const DomainView = Type.Object(domainFields)
export type DomainView = Static<typeof DomainView>

/** One domain with all that it has now, and how its last session ended that did. */
export const DomainDetail = Type.Object({
  ...domainFields,
  ringDetails: Type.Array(RingView),
  sessionDetails: Type.Array(SessionView),
  lastDisconnect: Type.Optional(DisconnectView),
})
export type DomainDetail = Static<typeof DomainDetail>

export const DomainList = Type.Object({ domains: Type.Array(DomainView) })

export const DomainAdd = Type.Object(
  { name: Name, tags: Type.Optional(Tags), reason: Type.Optional(Reason) },
  { additionalProperties: false },
)
export type DomainAdd = Static<typeof DomainAdd>

export const DomainPatch = Type.Object(
  {
    tags: Type.Optional(Tags),
    enabled: Type.Optional(Type.Boolean()),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type DomainPatch = Static<typeof DomainPatch>

export const DomainChanged = Type.Object({ revision: Revision, domain: DomainView })

export const DomainKicked = Type.Object({
  revision: Revision,
  sessions: Type.Integer({ minimum: 0, description: 'how many sessions were ended' }),
})
