import { defaultLimits, type Limits } from '../abi/limits.js'

/** What bounds the database. */
export interface StoreLimits extends Pick<Limits, 'domainsMax' | 'rulesMax'> {
  /** Tokens of one domain, and of all admins together. */
  readonly tokensPerOwnerMax: number
  /** Revisions kept, the one in force included. */
  readonly revisionsMax: number
  /** Sum of the rule lists kept with the revisions; the one in force is kept whatever its size. */
  readonly revisionBytesMax: number
}

export const defaultStoreLimits: StoreLimits = {
  domainsMax: defaultLimits.domainsMax,
  rulesMax: defaultLimits.rulesMax,
  tokensPerOwnerMax: 256,
  revisionsMax: 200,
  revisionBytesMax: 64 * 1024 * 1024,
}
