/** What is wrong with a policy file, and where. */
export interface PolicyProblem {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1, in UTF-16 units as most editors do. */
  readonly column: number
  readonly message: string
}

/** `10-web.yaml:3:13: what is wrong`, the form that editors can jump to. */
export function formatProblem(problem: PolicyProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`
}
