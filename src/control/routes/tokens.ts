import type { ControlApp } from '../app.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { ChangeHeaders, NameParams } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import { TokenIssue, TokenIssued, TokenList, TokenParams, TokenRevoked } from '../schemas/token.js'
import type { Services } from '../services.js'
import { tokenView } from '../services/tokens.js'

export function tokenRoutes(app: ControlApp, { tokens, revision }: Services): void {
  app.get(
    '/domains/:name/tokens',
    {
      schema: {
        summary: 'The tokens of a domain, without their secrets.',
        params: NameParams,
        response: { 200: TokenList, ...errorResponses },
      },
    },
    request => ({ tokens: accepted(tokens.list(request.params.name)).tokens.map(tokenView) }),
  )

  app.post(
    '/domains/:name/tokens',
    {
      schema: {
        summary: 'Makes a token for a domain.',
        params: NameParams,
        headers: ChangeHeaders,
        body: TokenIssue,
        response: { 201: TokenIssued, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { label, expiresAt, reason } = request.body ?? {}
      const cause = causeOf(request, reason)
      const issued = accepted(tokens.issue(request.params.name, { label, expiresAt }, cause))
      const { token, text } = issued
      return reply.code(201).send({ revision: revision(), token: tokenView(token), text })
    },
  )

  app.delete(
    '/tokens/:id',
    {
      schema: {
        summary: 'Makes a token invalid and ends the sessions it let in.',
        params: TokenParams,
        headers: ChangeHeaders,
        response: { 200: TokenRevoked, ...errorResponses },
      },
    },
    request => {
      const { id } = request.params
      const { token } = accepted(tokens.revoke(id, request.adminTokenId, causeOf(request)))
      return { revision: revision(), token: tokenView(token) }
    },
  )
}
