import { defaultLimits, type Limits } from '../abi/limits.js'

/** What bounds the database. */
export interface StoreLimits extends Pick<Limits, 'domainsMax' | 'rulesMax'> {
  /** Tokens of one domain, and of all admins together. */
  readonly tokensPerOwnerMax: number
  /** Revisions kept, the one in force included. */
  readonly revisionsMax: number
  /** Sum of the bodies of the revisions kept; the two newest are kept whatever their size. */
  readonly revisionBytesMax: number
  /** Elements that admins put into all sets together by hand. */
  readonly setElementsMax: number
  /** Who made a change, in UTF-16 units. */
  readonly authorCharsMax: number
  /** Why a change was made, in UTF-16 units. */
  readonly reasonCharsMax: number
  /** What a token is for, in UTF-16 units. */
  readonly labelCharsMax: number
  /** What else an audit record says, in UTF-16 units of its JSON. */
  readonly auditDetailCharsMax: number
}

export const defaultStoreLimits: StoreLimits = {
  domainsMax: defaultLimits.domainsMax,
  rulesMax: defaultLimits.rulesMax,
  tokensPerOwnerMax: 256,
  revisionsMax: 200,
  revisionBytesMax: 64 * 1024 * 1024,
  setElementsMax: 16_384,
  authorCharsMax: 128,
  reasonCharsMax: 500,
  labelCharsMax: 200,
  auditDetailCharsMax: 16 * 1024,
}

/** A text that is no longer than it may be; what was cut off is told by an ellipsis. */
export function cutText(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`
}
