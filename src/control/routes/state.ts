import Type from 'typebox'
import type { ControlApp } from '../app.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { ChangeHeaders, ReasonBody } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import { StateCheckView } from '../schemas/state.js'
import type { Services } from '../services.js'

/** As IANA lists it. */
const DATABASE_TYPE = 'application/vnd.sqlite3'

export function stateRoutes(app: ControlApp, { state }: Services): void {
  app.get(
    '/state/check',
    {
      config: { role: 'root' },
      schema: {
        summary: 'Reads all of the state folder, and says whether the next start would go well.',
        response: { 200: StateCheckView, ...errorResponses },
      },
    },
    async () => {
      const { findings, ...rest } = await state.check()
      return { ...rest, findings: [...findings] }
    },
  )

  const responses: Readonly<Record<string, unknown>> = {
    200: {
      description: 'the database, as one file',
      content: { [DATABASE_TYPE]: { schema: Type.String({ format: 'binary' }) } },
    },
    ...errorResponses,
  }
  app.post(
    '/state/backup',
    {
      config: { role: 'root' },
      schema: {
        summary: 'A copy of the database as it is now, for "v4v state restore".',
        headers: ChangeHeaders,
        body: ReasonBody,
        response: responses,
      },
    },
    async (request, reply) => {
      const { bytes } = accepted(await state.backUp(causeOf(request, request.body?.reason)))
      return reply.type(DATABASE_TYPE).send(bytes)
    },
  )
}
