/** Who makes a change, why, and for which revision of the policy. */
export interface Cause {
  readonly actor: string
  readonly reason: string
  /** Refuse the change of the rules unless this is the revision in force. */
  readonly ifRevision?: number | undefined
}
