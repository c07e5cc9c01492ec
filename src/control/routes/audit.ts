import type { ControlApp } from '../app.js'
import { parseHead } from '../../store/audit-head.js'
import {
  AuditHeadView,
  AuditList,
  AuditQuery,
  AuditVerdictView,
  AuditVerifyQuery,
} from '../schemas/audit.js'
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
    '/audit/head',
    {
      schema: {
        summary: 'The end of the audit log: kept elsewhere, it proves later that nothing is gone.',
        response: { 200: AuditHeadView, ...errorResponses },
      },
    },
    () => services.audit.head(),
  )

  app.get(
    '/audit/verify',
    {
      schema: {
        summary:
          'Computes all hashes of the audit log again, and says whether they fit; with ?head also whether it still has what it had then.',
        querystring: AuditVerifyQuery,
        response: { 200: AuditVerdictView, ...errorResponses },
      },
    },
    ({ query: { head } }) => services.audit.verify(head === undefined ? head : parseHead(head)),
  )
}
