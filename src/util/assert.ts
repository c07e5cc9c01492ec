/** Thrown when an invariant of this program does not hold: always a bug, never bad input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/**
 * Stops when an invariant is broken. Bad input is answered with a value; this is for bugs only.
 * @throws AssertionError
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a place that a complete `switch` can't reach; the parameter's type proves it. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}
