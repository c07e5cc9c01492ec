import Type, { type Static } from 'typebox'
import { Count, DomainNumber, Name, PortNumber } from './common.js'

export const RingView = Type.Object({
  domain: Name,
  domainId: DomainNumber,
  port: PortNumber,
  partner: Type.String({ description: 'the one domain that may send to it, or * for any' }),
  session: Type.Integer({ description: 'the session that registered it' }),
  handle: Type.Integer({ description: 'names the ring within its session' }),
  length: Type.Integer({ description: 'bytes' }),
  usedBytes: Count,
  receivedOffset: Type.Integer({ description: 'bytes written since it was registered' }),
  consumedOffset: Type.Integer({ description: 'bytes consumed since it was registered' }),
  datagrams: Count,
  senders: Count,
  waiters: Count,
})
export type RingView = Static<typeof RingView>

export const RingList = Type.Object({ rings: Type.Array(RingView) })

export const RingQuery = Type.Object(
  {
    domain: Type.Optional(Name),
    fullest: Type.Optional(
      Type.Integer({ minimum: 1, description: 'only so many, the fullest first; else all' }),
    ),
  },
  { additionalProperties: false },
)
export type RingQuery = Static<typeof RingQuery>

export const DomainQuery = Type.Object(
  { domain: Type.Optional(Name) },
  { additionalProperties: false },
)
