/** A domain as the policy sees it. A name that no domain has yet has no tags. */
export interface Subject {
  readonly name: string
  readonly tags: readonly string[]
}
