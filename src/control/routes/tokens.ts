import { parseDuration } from '../../policy/time-text.js'
import type { ControlApp } from '../app.js'
import { causeOf, requireRole } from '../plugins/auth.js'
import { accepted, Refused } from '../refused.js'
import { ChangeHeaders, NameParams } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import {
  AdminTokenIssue,
  TokenIssue,
  TokenIssued,
  TOKENS_LISTED_MAX,
  TokenList,
  TokenListQuery,
  TokenParams,
  TokenRevoked,
  TokenRotate,
  TokenRotated,
  WhoAmI,
} from '../schemas/token.js'
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
      config: { role: 'policy-admin' },
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

  app.get(
    '/tokens',
    {
      schema: {
        summary: 'The tokens of admins, or all that end soon, without their secrets.',
        querystring: TokenListQuery,
        response: { 200: TokenList, ...errorResponses },
      },
    },
    ({ query: { ending } }) => {
      const listed =
        ending === undefined
          ? tokens.listAdmin()
          : tokens.listEnding(readTime('ending', ending), TOKENS_LISTED_MAX)
      return { tokens: listed.map(tokenView) }
    },
  )

  app.post(
    '/tokens',
    {
      config: { role: 'root' },
      schema: {
        summary: 'Makes a token for an admin.',
        headers: ChangeHeaders,
        body: AdminTokenIssue,
        response: { 201: TokenIssued, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { role, label, expiresAt, reason } = request.body
      const cause = causeOf(request, reason)
      const { token, text } = accepted(tokens.issueAdmin(role, { label, expiresAt }, cause))
      return reply.code(201).send({ revision: revision(), token: tokenView(token), text })
    },
  )

  app.get(
    '/whoami',
    {
      schema: {
        summary: 'The admin token that this request came with.',
        response: { 200: WhoAmI, ...errorResponses },
      },
    },
    request => ({ token: tokenView(accepted(tokens.get(request.adminTokenId)).token) }),
  )

  app.post(
    '/tokens/:id/rotate',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Makes a token in place of another, which ends at once or after an overlap.',
        params: TokenParams,
        headers: ChangeHeaders,
        body: TokenRotate,
        response: { 201: TokenRotated, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (accepted(tokens.get(id)).token.kind === 'admin') requireRole(request, 'root')
      const { overlap, expiresAt, reason } = request.body ?? {}
      const overlapMs = overlap === undefined ? 0 : readTime('overlap', overlap)
      const cause = causeOf(request, reason)
      const times = { overlapMs, ...(expiresAt !== undefined && { expiresAt }) }
      const rotated = accepted(await tokens.rotate(id, times, request.adminTokenId, cause))
      const { token, text, old, isInFile } = rotated
      const answer = { token: tokenView(token), text, old: tokenView(old), isInFile }
      return reply.code(201).send({ revision: revision(), ...answer })
    },
  )

  app.delete(
    '/tokens/:id',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Makes a token invalid and ends the sessions it let in.',
        params: TokenParams,
        headers: ChangeHeaders,
        response: { 200: TokenRevoked, ...errorResponses },
      },
    },
    request => {
      const { id } = request.params
      if (accepted(tokens.get(id)).token.kind === 'admin') requireRole(request, 'root')
      const { token } = accepted(tokens.revoke(id, request.adminTokenId, causeOf(request)))
      return { revision: revision(), token: tokenView(token) }
    },
  )
}

/** @throws Refused EINVAL */
function readTime(field: string, text: string): number {
  const ms = parseDuration(text)
  if (typeof ms === 'string') throw new Refused('EINVAL', `${field}: ${ms}`)
  return ms
}
