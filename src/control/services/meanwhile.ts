import { BODY_FORMAT, EMPTY_POLICY, encodePolicy } from '../../store/policy-body.js'
import { refuse } from '../../store/refusal.js'
import type { RevisionStore } from '../../store/revision-store.js'
import { StoreError } from '../../store/store-error.js'
import type { Comparison } from '../policy/policy-comparison.js'
import type { Body, KeptBody, Meanwhile } from '../policy/policy-messages.js'
import type { StaleRefusal } from '../policy/policy-request.js'

/** Revision 0: everything is rejected. */
export const NO_POLICY: Body = { format: BODY_FORMAT, body: encodePolicy(EMPTY_POLICY) }

/** Revisions since the one that a change was made for that its refusal names. */
const SINCE_MAX = 20
/** Of what they said so much is looked at to find out which of them changed what. */
const BYTES_MAX = 1024 * 1024

/**
 * What happened since a revision that is not in force.
 * @param current the one that is.
 */
export function meanwhileOf(policies: RevisionStore, current: number, base: number): Meanwhile {
  const since = policies.history(SINCE_MAX).filter(({ revision }) => revision > base)
  const bodies: KeptBody[] = []
  let bytesLeft = BYTES_MAX
  for (const { revision, bytes } of since) {
    if (revision === current) continue
    bytesLeft -= bytes
    const body = bytesLeft < 0 ? '' : bodyOf(policies, revision, current)
    if (typeof body === 'string') break
    bodies.unshift({ revision, ...body })
  }
  return {
    base,
    body: bodyOf(policies, base, current),
    revisions: since.map(({ revision, at, author, reason }) => ({ revision, at, author, reason })),
    bodies,
  }
}

/** The refusal of a change that was made for a revision that is not in force. */
export function staleRefusal(
  { base, revisions }: Meanwhile,
  current: number,
  comparison?: Comparison,
): StaleRefusal {
  const details = revisions.map(({ revision, author, reason }) => ({
    message: `revision ${revision} by ${author}${reason === '' ? '' : `: ${reason}`}`,
  }))
  const is = base > current ? 'not yet' : 'no longer'
  const message = `the policy is at revision ${current}, ${is} at ${base}${said(comparison)}`
  const refusal = { ...refuse('ESTALE', message), details }
  return comparison === undefined ? refusal : { ...refusal, comparison }
}

function said(comparison: Comparison | undefined): string {
  if (comparison === undefined) return ''
  const { theirs, yours, conflicts, problem } = comparison
  if (conflicts === null || theirs === null || yours === null) return `: ${problem}`
  const both = `others changed ${things(theirs.total)} since, and you change ${things(yours.total)}`
  const { total } = conflicts
  return `: ${both}, ${total === 0 ? 'without a conflict' : `with ${count(total, 'conflict')}`}`
}

function things(total: number): string {
  return total === 0 ? 'nothing' : count(total, 'thing')
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

/** What a revision said, or why it can't be had. */
function bodyOf(policies: RevisionStore, revision: number, current: number): Body | string {
  if (revision === 0) return NO_POLICY
  if (revision > current) return `there is no revision ${revision} yet`
  try {
    const kept = policies.get(revision)
    return kept === undefined
      ? `revision ${revision} is not kept any more`
      : { format: kept.format, body: kept.body }
  } catch (error) {
    if (!(error instanceof StoreError) || error.failure !== 'corrupt') throw error
    return error.message
  }
}
