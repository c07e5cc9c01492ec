/**
 * Memory for the rings of one session that its owner sees as well. The owner may change it at any
 * time: nothing that is read there is believed.
 */
export interface RingMemory {
  /** @returns a place for a ring of so many bytes, all zero, or undefined when there is none. */
  take(bytes: number): RingPlace | undefined
}

/** Where a ring lies that its owner sees. */
export interface RingPlace {
  readonly bytes: Uint8Array
  /** How the owner is told of it. */
  readonly offset: number
  /** To be called once, when nothing is written to it any more. */
  release(): void
}
