import { parseSetElement } from '../../policy/set-element.js'
import { decodePolicy, type KeptPolicy } from '../../store/policy-body.js'
import type { SetElement as KeptElement } from '../../store/set-store.js'
import type { Body, KeptBody } from './policy-messages.js'

/** Revisions that are kept unpacked. */
const UNPACKED_MAX = 4

/** Policies by their revisions. What a revision says never changes: it is unpacked only once. */
export class KeptPolicies {
  readonly #byRevision = new Map<number, KeptPolicy>()

  /** @throws Error when the body is not what was written. */
  get(of: KeptBody): KeptPolicy {
    let policy = this.#byRevision.get(of.revision)
    if (policy === undefined) {
      policy = unpacked(of)
      if (this.#byRevision.size >= UNPACKED_MAX) this.#byRevision.clear()
      this.#byRevision.set(of.revision, policy)
    }
    return policy
  }
}

/** What a body says. @throws Error when it is not what was written. */
export function unpacked(body: Body): KeptPolicy {
  const policy = policyOf(body)
  if (typeof policy === 'string') throw new Error(`the policy in force can't be read: ${policy}`)
  return policy
}

/** What a body says, or why it can't be had. */
export function policyOf(body: Body | string): KeptPolicy | string {
  return typeof body === 'string' ? body : decodePolicy(body.format, body.body)
}

/** A policy with what was put into its sets by hand. */
export function withLive(policy: KeptPolicy, live: readonly KeptElement[]): KeptPolicy {
  if (live.length === 0) return policy
  const sets = policy.sets.map(set => {
    const elements = live.flatMap(each => {
      if (each.set !== set.name) return []
      const element = parseSetElement(each.element)
      if (typeof element === 'string') return []
      return { ...element, ...(each.expiresAt !== undefined && { expires: each.expiresAt }) }
    })
    return elements.length === 0 ? set : { ...set, elements: [...set.elements, ...elements] }
  })
  return { ...policy, sets }
}
