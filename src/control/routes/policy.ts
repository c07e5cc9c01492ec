import type { ControlApp } from '../app.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { RuleChangeHeaders } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import { PolicyDocument, PolicyReplaced } from '../schemas/policy.js'
import type { Services } from '../services.js'

/** A whole policy may be so many times larger than another request. */
const BODY_FACTOR = 8

export function policyRoutes(app: ControlApp, { rules, limits }: Services): void {
  app.get(
    '/policy',
    {
      schema: {
        summary: 'The policy in force as a document; its revision is the ETag.',
        response: { 200: PolicyDocument, ...errorResponses },
      },
    },
    async (_request, reply) => {
      const document = rules.document()
      return reply.header('etag', `"${document.revision}"`).send(document)
    },
  )

  app.put(
    '/policy',
    {
      bodyLimit: BODY_FACTOR * limits.requestBytesMax,
      schema: {
        summary:
          'Replaces all rules. A revision in If-Match or in the document must be the one in force.',
        headers: RuleChangeHeaders,
        body: PolicyDocument,
        response: { 200: PolicyReplaced, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { revision } = accepted(rules.replace(body, causeOf(request, body.reason)))
      return reply.header('etag', `"${revision}"`).send({ revision, rules: body.rules.length })
    },
  )
}
