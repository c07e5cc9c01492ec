import Type, { type Static } from 'typebox'
import { Name, Reason } from './common.js'

export const AuditModeView = Type.Object({
  all: Type.Boolean({ description: 'whatever policy would refuse is delivered' }),
  domains: Type.Array(Name, { description: 'of these and to these it is, besides' }),
})
export type AuditModeView = Static<typeof AuditModeView>

export const AuditModeBody = Type.Object(
  {
    on: Type.Boolean(),
    domain: Type.Optional(Name),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
