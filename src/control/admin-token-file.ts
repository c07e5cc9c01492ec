import { readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'

const OWNER_ONLY = 0o600
const idPattern = /^v4vadmin_([1-9][0-9]{0,14})_/

/** The file from which commands on this machine take the admin's token. */
export class AdminTokenFile {
  readonly #path: string
  #replacing: Promise<unknown> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** The id of the token in it; undefined when there is none that can be read. */
  tokenId(): number | undefined {
    try {
      const id = idPattern.exec(readFileSync(this.#path, 'utf8'))?.[1]
      return id === undefined ? undefined : Number(id)
    } catch {
      return undefined
    }
  }

  /**
   * Puts a token into it, on the disk and in one step: whoever reads it has the one or the other,
   * and nobody but its owner can. One call after the other, in their order.
   * @throws the system's error when that can't be done; the file is then as it was.
   */
  replace(text: string): Promise<void> {
    const replaced = this.#replacing.then(() => this.#replace(text))
    this.#replacing = replaced.catch(() => undefined)
    return replaced
  }

  async #replace(text: string): Promise<void> {
    const unfinished = `${this.#path}.new`
    await rm(unfinished, { force: true }) // what is left of another time may be open to others
    const file = await open(unfinished, 'wx', OWNER_ONLY)
    try {
      await file.writeFile(`${text}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, this.#path)
  }
}
