import Type, { type Static } from 'typebox'
import { TAGS_PER_DOMAIN_MAX } from '../../abi/limits.js'
import { DisconnectView } from './disconnect.js'
import { Count, DomainNumber, Milliseconds, Name, Reason, Revision } from './common.js'

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

export const DomainView = Type.Object({
  id: DomainNumber,
  name: Name,
  tags: Type.Array(Type.String()),
  enabled: Type.Boolean({ description: 'a domain that is not enabled can not attach' }),
  createdAt: Milliseconds,
  sessions: Count,
  rings: Count,
  ringBytes: Count,
  counters: DomainCounts,
})
export type DomainView = Static<typeof DomainView>

export const DomainDetail = Type.Object({
  ...DomainView.properties,
  lastDisconnect: Type.Optional(DisconnectView),
})

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
