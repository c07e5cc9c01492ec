// Line breaks and terminal escapes would let a reason look like something else in a listing.
const unprintablePattern = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/** Says what is wrong with the reason of a change, or undefined when nothing is. */
export function reasonProblem(reason: string): string | undefined {
  if (!unprintablePattern.test(reason)) return undefined
  return 'the reason is one line of text without control characters'
}
