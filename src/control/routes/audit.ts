import type { ControlApp } from '../app.js'
import { AuditList, AuditQuery, AuditVerdictView } from '../schemas/audit.js'
import { errorResponses } from '../schemas/error.js'
import type { Services } from '../services.js'

const LIMIT_DEFAULT = 100

export function auditRoutes(app: ControlApp, services: Services): void {
  app.get(
    '/audit',
    {
      schema: {
        summary: 'What admins did, from the newest back, or with ?after from an old one on.',
        querystring: AuditQuery,
        response: { 200: AuditList, ...errorResponses },
      },
    },
    request => {
      const { limit = LIMIT_DEFAULT, before, after } = request.query
      if (after !== undefined) return { records: services.audit.from(limit, after) }
      return { records: services.audit.list(limit, before) }
    },
  )

  app.get(
    '/audit/verify',
    {
      schema: {
        summary: 'Computes all hashes of the audit log again, and says whether they fit.',
        response: { 200: AuditVerdictView, ...errorResponses },
      },
    },
    () => services.audit.verify(),
  )
}
