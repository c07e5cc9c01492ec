/** Sums since the start. */
interface Totals {
  readonly accepted: number
  readonly refused: number
}

/** What a sender of the demo tells the demo. */
export type SenderReport =
  | (Totals & { readonly kind: 'accepted' })
  | (Totals & {
      readonly kind: 'refused'
      readonly code: string
      readonly message: string
      readonly decisionId: string
    })
  /** The last one; `sha256` is over all accepted lines, each with a newline behind it. */
  | (Totals & { readonly kind: 'done'; readonly sha256: string })
