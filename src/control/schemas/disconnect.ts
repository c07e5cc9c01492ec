import Type, { type Static } from 'typebox'
import { endReasons } from '../../abi/end-reason.js'
import { errorCodes } from '../../abi/errno.js'
import { Count, DomainNumber, Milliseconds, Name } from './common.js'
import { YesNo } from './flow.js'

const Reason = Type.Enum([...endReasons], {
  description: 'what it ended for; the names are stable',
})
const By = Type.Enum(['daemon', 'client'], { description: 'who ended it' })

export const DisconnectView = Type.Object({
  seq: Type.Integer({ description: 'grows with every end; the last that this entry counts' }),
  reason: Reason,
  by: By,
  code: Type.Optional(
    Type.Enum([...errorCodes], { description: 'what the client was told, where it was' }),
  ),
  sentence: Type.String({ description: 'the reason as a sentence' }),
  detail: Type.String({ description: 'more of it: which frame, which value' }),
  remedy: Type.String({ description: 'what can be done about it' }),
  limitName: Type.Optional(
    Type.String({ description: 'the limit that was reached, with its unit' }),
  ),
  limit: Type.Optional(Type.Integer({ description: 'how much it allows' })),
  used: Type.Optional(Type.Integer({ description: 'how much was used, or asked for' })),
  domain: Type.Optional(Name),
  domainId: Type.Optional(DomainNumber),
  session: Type.Optional(Type.Integer({ description: 'missing where none came to be' })),
  tokenId: Type.Optional(Type.Integer({ description: 'id of the token it came with' })),
  transport: Type.String({ description: 'how it was connected' }),
  address: Type.Optional(Type.String({ description: 'of a client that came by the network' })),
  pid: Type.Optional(Type.Integer({ description: 'of a process that came by a Unix socket' })),
  uid: Type.Optional(Type.Integer({ description: 'the user that this process had' })),
  comm: Type.Optional(Type.String({ description: 'its name, which it can choose itself' })),
  agent: Type.Optional(Type.String({ description: 'what its client calls itself' })),
  count: Type.Integer({
    minimum: 1,
    description: 'ends of this domain for this reason, none a minute after the one before',
  }),
  firstAt: Milliseconds,
  lastAt: Milliseconds,
  livedMs: Type.Integer({ minimum: 0, description: 'from connecting to this end, the last one' }),
  datagramsSent: Type.Integer({ minimum: 0, description: 'also those that were refused' }),
  datagramsReceived: Count,
  bytesReceived: Type.Integer({ minimum: 0, description: 'in its rings, with their headers' }),
})
export type DisconnectView = Static<typeof DisconnectView>

export const DisconnectList = Type.Object({ disconnects: Type.Array(DisconnectView) })

export const DisconnectQuery = Type.Object(
  {
    follow: Type.Optional(YesNo),
    domain: Type.Optional(Name),
    reason: Type.Optional(Reason),
    by: Type.Optional(By),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'how many of the recent ones' }),
    ),
  },
  { additionalProperties: false },
)
