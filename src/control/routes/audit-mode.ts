import type { ControlApp } from '../app.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { AuditModeBody, AuditModeView } from '../schemas/audit-mode.js'
import { ChangeHeaders } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import type { Services } from '../services.js'

export function auditModeRoutes(app: ControlApp, { auditMode }: Services): void {
  app.get(
    '/audit-mode',
    {
      schema: {
        summary:
          'Who is in audit mode: what policy would refuse of them is delivered and recorded.',
        response: { 200: AuditModeView, ...errorResponses },
      },
    },
    () => auditMode.view(),
  )

  app.put(
    '/audit-mode',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Switches audit mode of a domain, or of everything.',
        headers: ChangeHeaders,
        body: AuditModeBody,
        response: { 200: AuditModeView, ...errorResponses },
      },
    },
    request => {
      const { domain, on, reason } = request.body
      accepted(auditMode.set(domain, on, causeOf(request, reason)))
      return auditMode.view()
    },
  )
}
