/** A policy file. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

/**
 * The policy files as they are being edited: those of a revision, and what was changed in them. It
 * stays while one looks at other views.
 */
class Draft {
  /** The revision that was changed; undefined before the first one was read. */
  revision: number | undefined
  #base: ReadonlyMap<string, string> = new Map()
  /** What was written; null for a file that goes. */
  readonly #edits = new Map<string, string | null>()

  get isChanged(): boolean {
    return this.#edits.size > 0
  }

  /** The files in the order in which they are read. */
  get files(): readonly PolicyFile[] {
    const names = [...new Set([...this.#base.keys(), ...this.#edits.keys()])].toSorted()
    return names.flatMap(name => {
      const text = this.text(name)
      return text === undefined ? [] : [{ name, text }]
    })
  }

  /** What a file says; undefined when there is none. */
  text(name: string): string | undefined {
    const edit = this.#edits.get(name)
    return edit === undefined ? this.#base.get(name) : (edit ?? undefined)
  }

  /** Puts the edits upon the files of a revision. */
  rebase(revision: number, files: readonly PolicyFile[]): void {
    this.revision = revision
    this.#base = new Map(files.map(({ name, text }) => [name, text]))
    for (const [name, text] of this.#edits) this.#set(name, text)
  }

  put(name: string, text: string): void {
    this.#set(name, text)
  }

  remove(name: string): void {
    this.#set(name, null)
  }

  /** Changes what the files of a revision say to what they are to say. */
  replace(files: readonly PolicyFile[]): void {
    const wanted = new Set(files.map(({ name }) => name))
    for (const { name } of this.files) if (!wanted.has(name)) this.remove(name)
    for (const { name, text } of files) this.put(name, text)
  }

  isEdited(name: string): boolean {
    return this.#edits.has(name)
  }

  discard(): void {
    this.#edits.clear()
  }

  #set(name: string, text: string | null): void {
    const isSame = text === (this.#base.get(name) ?? null)
    // Before anything was read it is not known what is the same.
    if (isSame && this.revision !== undefined) this.#edits.delete(name)
    else this.#edits.set(name, text)
  }
}

export const draft = new Draft()
