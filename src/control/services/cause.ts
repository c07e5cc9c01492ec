import type { AuditAuth } from '../../store/audit-store.js'

/** Who makes a change, why, and for which revision of the policy. */
export interface Cause {
  readonly actor: string
  /** How whoever it is is known. */
  readonly auth?: AuditAuth | undefined
  /** From where the request came: an address, or a user of this machine. */
  readonly origin?: string | undefined
  readonly reason: string
  /** Refuse the change of the rules unless this is the revision in force. */
  readonly ifRevision?: number | undefined
}
