import Type, { type Static } from 'typebox'
import { Count, DomainNumber, MillisecondsOrNull, Name, PortNumber } from './common.js'

export const SessionView = Type.Object({
  id: Type.Integer(),
  domain: Name,
  domainId: DomainNumber,
  transport: Type.Union([Type.String(), Type.Null()], { description: 'how it is connected' }),
  agent: Type.Union([Type.String(), Type.Null()], { description: 'what its client calls itself' }),
  connectedAt: MillisecondsOrNull,
  ports: Type.Array(PortNumber, { description: 'ports it has bound' }),
  rings: Count,
  ringsSentTo: Count,
  ringsWaitedFor: Count,
})
export type SessionView = Static<typeof SessionView>

export const SessionList = Type.Object({ sessions: Type.Array(SessionView) })
