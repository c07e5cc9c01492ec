import type { FastifyRequest } from 'fastify'
import { ADMIN_ROLES, type AdminAuthenticated, type AdminRole } from '../../store/token-store.js'
import { assert } from '../../util/assert.js'
import type { ControlApp } from '../app.js'
import { originOf } from '../origin.js'
import { reasonProblem } from '../reason.js'
import { Refused } from '../refused.js'
import type { Services } from '../services.js'
import type { Cause } from '../services/cause.js'
import { onlyReads } from './methods.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Id of the admin token that the request came with; 0 where none is needed. */
    adminTokenId: number
    /** What that token allows. */
    adminRole: AdminRole
  }
  interface FastifyContextConfig {
    /** The least role that may use the route; viewer is enough to read what has none. */
    role?: AdminRole
  }
}

const bearerPattern = /^Bearer +([^ ]+)$/i
const wholePattern = /[0-9]+/

/**
 * Lets only requests with an admin's token through to the routes of this scope, and to each only
 * those whose role is enough. A route that changes something has to say which that is.
 */
export function requireAdmin(app: ControlApp, services: Services): void {
  app.decorateRequest('adminTokenId', 0)
  app.decorateRequest('adminRole', 'viewer')
  app.addHook('onRoute', ({ method, url, config }) => {
    const isRead = [method].flat().every(onlyReads)
    assert(isRead || config?.role !== undefined, `${String(method)} ${url} has a role`)
  })
  app.addHook('onRequest', (request, _reply, done) => {
    const { tokenId, role } = authenticate(request, services)
    request.adminTokenId = tokenId
    request.adminRole = role
    requireRole(request, request.routeOptions.config.role ?? 'viewer')
    done()
  })
  // A body may take long to come, and the token may have been revoked meanwhile.
  app.addHook('preHandler', (request, _reply, done) => {
    if (!onlyReads(request.method)) authenticate(request, services)
    done()
  })
}

/**
 * Goes on only when a request's token allows at least as much as this role.
 * @throws Refused EPERM
 */
export function requireRole(request: Pick<FastifyRequest, 'adminRole'>, role: AdminRole): void {
  const { adminRole } = request
  if (ADMIN_ROLES.indexOf(adminRole) >= ADMIN_ROLES.indexOf(role)) return
  throw new Refused('EPERM', `this needs the role ${role}, and that of the token is ${adminRole}`)
}

/** True while the token of a request is still valid: for answers that go on for long. */
export function isStillAdmin(request: FastifyRequest, services: Services): boolean {
  return services.tokens.authenticate(tokenOf(request)).ok
}

/**
 * Who asks for a change, why, and for which revision, from a request's headers.
 * @param bodyReason the reason in the body, which goes before the one in the header.
 * @throws Refused EINVAL for a reason that is not one line of text.
 */
export function causeOf(request: FastifyRequest, bodyReason?: string): Cause {
  const header: unknown = request.headers['x-v4v-reason']
  const reason = bodyReason ?? (typeof header === 'string' ? decode(header) : '')
  const problem = reasonProblem(reason)
  if (problem !== undefined) throw new Refused('EINVAL', problem)
  const revision = wholePattern.exec(request.headers['if-match'] ?? '')?.[0]
  return {
    actor: `token:${request.adminTokenId}`,
    auth: 'token',
    origin: originOf(request.socket),
    reason,
    ifRevision: revision === undefined ? undefined : Number(revision),
  }
}

function authenticate(request: FastifyRequest, services: Services): AdminAuthenticated {
  const token = tokenOf(request)
  if (token === '') {
    throw new Refused(
      'EACCES',
      'an admin token is needed: send it as Authorization: Bearer v4vadmin_...',
    )
  }
  const outcome = services.tokens.authenticate(token)
  if (!outcome.ok) throw new Refused(outcome.code, outcome.message)
  return outcome
}

function tokenOf(request: FastifyRequest): string {
  return bearerPattern.exec(request.headers.authorization ?? '')?.[1] ?? ''
}

// Node hands out headers as Latin-1, and people send UTF-8.
function decode(header: string): string {
  const text = Buffer.from(header, 'latin1').toString('utf8')
  return text.includes('\ufffd') ? header : text
}
