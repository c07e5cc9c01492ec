import type { AuditHead } from '../../store/audit-head.js'
import type { AuditRecord, AuditStore, AuditVerdict } from '../../store/audit-store.js'
import type { AuditView } from '../schemas/audit.js'
import { nextTurn } from './next-turn.js'

/** What admins did. */
export class AuditService {
  readonly #store: AuditStore

  constructor(store: AuditStore) {
    this.#store = store
  }

  /** Records from the newest back. */
  list(limit: number, before?: number): AuditView[] {
    return this.#store.list(limit, before).map(auditView)
  }

  /** Records from an old one on. */
  from(limit: number, after: number): AuditView[] {
    return this.#store.listFrom(limit, after).map(auditView)
  }

  /** The end of the log, to be kept elsewhere. */
  head(): AuditHead {
    return this.#store.head()
  }

  /**
   * Computes all hashes again; others get their turn in between.
   * @param head what the end was once.
   */
  async verify(head?: AuditHead): Promise<AuditVerdict> {
    const steps = this.#store.verifySteps(head)
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      await nextTurn()
    }
  }
}

/** An audit record as REST shows it. */
export function auditView(record: AuditRecord): AuditView {
  return {
    ...record,
    auth: record.auth ?? null,
    origin: record.origin ?? null,
    revisionBefore: record.revisionBefore ?? null,
    revisionAfter: record.revisionAfter ?? null,
    detail: record.detail ?? null,
  }
}
