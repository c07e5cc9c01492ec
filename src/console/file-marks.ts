import type { Answers } from './answers.js'
import type { Mark } from './editor.js'
import type { Problem } from './problem.js'

/** Something to be said of a place in one of several files. */
export interface FileMark extends Mark {
  readonly file: string
}

/** What the daemon has said of policy files, by where it is. */
export class FileMarks {
  #all: readonly FileMark[] = []

  get all(): readonly FileMark[] {
    return this.#all
  }

  of(file: string): readonly FileMark[] {
    return this.#all.filter(mark => mark.file === file)
  }

  clear(): void {
    this.#all = []
  }

  /** Tests that failed, and what lint found. */
  takePlan({ tests, lint }: Answers['planPolicy']): void {
    this.#all = [
      ...tests.failures.flatMap(({ file, line, message }) =>
        file === undefined ? [] : [{ file, line: line ?? 1, severity: 'error' as const, message }],
      ),
      ...lint.listed.flatMap(({ place, severity, message }) =>
        place === undefined ? [] : [{ file: place.file, line: place.line, severity, message }],
      ),
    ]
  }

  /** What keeps the files from being read. */
  takeProblem({ details }: Problem): void {
    this.#all = details.flatMap(({ file, line, column, message }) =>
      file === undefined
        ? []
        : [{ file, line: line ?? 1, column, severity: 'error' as const, message }],
    )
  }
}
