import type { AuditRecord } from '../../store/audit-store.js'
import type { AuditView } from '../schemas/audit.js'

/** An audit record as REST shows it. */
export function auditView(record: AuditRecord): AuditView {
  return {
    ...record,
    revisionBefore: record.revisionBefore ?? null,
    revisionAfter: record.revisionAfter ?? null,
    detail: record.detail ?? null,
  }
}
