import Type, { type Static } from 'typebox'
import { errorCodes } from '../../abi/errno.js'

/** The one shape of every answer that is not a success. */
export const ErrorBody = Type.Object(
  {
    code: Type.Enum([...errorCodes], { description: 'stable name of the error' }),
    message: Type.String({ description: 'what was wrong, where, and what to do' }),
    details: Type.Optional(
      Type.Array(
        Type.Object(
          {
            field: Type.Optional(Type.String({ description: 'of the request' })),
            file: Type.Optional(Type.String({ description: 'a policy document' })),
            line: Type.Optional(Type.Integer({ description: 'counted from 1' })),
            column: Type.Optional(Type.Integer({ description: 'counted from 1' })),
            message: Type.String(),
          },
          { additionalProperties: true },
        ),
        { description: 'each thing that was wrong' },
      ),
    ),
  },
  { description: 'an error' },
)
export type ErrorBody = Static<typeof ErrorBody>

/** What any route may answer besides its own replies. */
export const errorResponses = { '4xx': ErrorBody, '5xx': ErrorBody } as const
