import { mergeIntoDocuments } from '../../policy/document-merge.js'
import { policySizeProblem } from '../../policy/document.js'
import type { Policy } from '../../policy/policy.js'
import { threeWay } from '../../policy/three-way.js'
import type { KeptPolicy } from '../../store/policy-body.js'

/**
 * A change of the policy together with what others changed meanwhile, in the documents of the change
 * where it has some.
 * @param base the policy that the change was made for.
 * @returns a sentence that says why both can't be had, when they can't.
 */
export function mergeWith(
  yours: KeptPolicy,
  inForce: KeptPolicy,
  base: Policy,
): KeptPolicy | string {
  const { merged, conflicts } = threeWay(base, inForce, yours)
  if (merged === undefined) {
    const { length } = conflicts
    return length === 1 ? 'there is 1 conflict' : `there are ${length} conflicts`
  }
  if (yours.documents.length === 0) return policySizeProblem(merged) ?? withoutPlaces(merged)
  return mergeIntoDocuments(yours, inForce, merged) ?? 'it can not be written into these files'
}

/** What others changed stands in documents that are no longer there then. */
function withoutPlaces({ rules, sets, tags, tests }: Policy): KeptPolicy {
  const bare = <T extends { readonly place?: unknown }>(said: T): T => ({
    ...said,
    place: undefined,
  })
  return {
    rules: rules.map(bare),
    sets: sets.map(bare),
    tags: tags.map(bare),
    tests: tests.map(bare),
    documents: [],
  }
}
