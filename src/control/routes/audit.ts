import type { ControlApp } from '../app.js'
import { AuditList, AuditQuery } from '../schemas/audit.js'
import { errorResponses } from '../schemas/error.js'
import type { Services } from '../services.js'

const LIMIT_DEFAULT = 100

export function auditRoutes(app: ControlApp, services: Services): void {
  app.get(
    '/audit',
    {
      schema: {
        summary: 'What admins did, from the newest back.',
        querystring: AuditQuery,
        response: { 200: AuditList, ...errorResponses },
      },
    },
    request => {
      const { limit = LIMIT_DEFAULT, before } = request.query
      return { records: services.audit(limit, before) }
    },
  )
}
