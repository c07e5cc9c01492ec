/** Where a failure goes that must not undo what was done. */
export interface Log {
  error(details: object, message: string): void
}
