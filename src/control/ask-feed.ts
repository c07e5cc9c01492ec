/** Viewers that may follow the asks at a time. */
export const ASK_VIEWERS_MAX = 64

/** Tells whoever watches that the list of asks or grants has changed. */
export class AskFeed {
  readonly #viewers = new Set<() => void>()
  #willTell = false

  /** Something has changed; viewers hear of it later in this turn of the event loop. */
  changed(): void {
    if (this.#viewers.size === 0 || this.#willTell) return
    this.#willTell = true
    setImmediate(() => {
      this.#willTell = false
      for (const onChange of this.#viewers) onChange()
    })
  }

  /**
   * Calls `onChange` after changes.
   * @returns the function that ends this, or undefined when there are too many viewers.
   */
  watch(onChange: () => void): (() => void) | undefined {
    if (this.#viewers.size >= ASK_VIEWERS_MAX) return undefined
    this.#viewers.add(onChange)
    return () => this.#viewers.delete(onChange)
  }
}
