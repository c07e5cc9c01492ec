import Type, { type Static } from 'typebox'

export const Live = Type.Object({ status: Type.Enum(['ok']) })

export const Ready = Type.Object({
  status: Type.Enum(['ok', 'degraded', 'failed'], {
    description: 'degraded: it goes on, but not with the policy it should have',
  }),
  checks: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), message: Type.String() })),
  ),
})
export type Ready = Static<typeof Ready>

export const ReadyQuery = Type.Object({
  verbose: Type.Optional(Type.Enum(['', 'true', 'false', '1', '0'])),
})
