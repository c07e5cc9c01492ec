/** Time as a parameter, so that everything below the daemon can be driven by a test. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
}
