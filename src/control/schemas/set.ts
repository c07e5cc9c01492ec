import Type, { type Static } from 'typebox'
import { NAME_CHARS_MAX } from '../../abi/limits.js'
import { MillisecondsOrNull, Reason, Revision } from './common.js'

const ELEMENT_CHARS_MAX = 200

const SetName = Type.String({
  minLength: 1,
  maxLength: NAME_CHARS_MAX,
  description: 'name of a set of the policy',
})
const Element = Type.String({
  minLength: 1,
  maxLength: ELEMENT_CHARS_MAX,
  description: 'a domain or a tag, with or without ports, such as web, web:80 or tag:guest',
})

export const SetView = Type.Object({
  name: SetName,
  elements: Type.Array(
    Type.Object({
      element: Element,
      expiresAt: MillisecondsOrNull,
      addedBy: Type.Union([Type.String(), Type.Null()], {
        description: 'who put it in by hand; null when the policy says so',
      }),
      addedAt: MillisecondsOrNull,
    }),
  ),
})
export type SetView = Static<typeof SetView>

export const SetList = Type.Object({ revision: Revision, sets: Type.Array(SetView) })

export const SetParams = Type.Object({ name: SetName })
export const ElementParams = Type.Object({ name: SetName, element: Element })

export const ElementAdd = Type.Object(
  {
    element: Element,
    timeout: Type.Optional(
      Type.String({ maxLength: 12, description: 'how long it stays, such as 10m; else for good' }),
    ),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)

export const ElementChanged = Type.Object({
  revision: Revision,
  set: SetName,
  element: Element,
  expiresAt: MillisecondsOrNull,
})
