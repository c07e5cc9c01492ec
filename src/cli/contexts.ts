import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  checkContextName,
  contextNameProblem,
  formatContext,
  parseContext,
  type Context,
} from './context.js'
import { errorCode, failed, refused, usage } from './fail.js'

const ENDING = '.yaml'

/**
 * The contexts of a user: a file for each in `contexts/`, and in the file `context` the name of the
 * current one. Files are replaced as a whole and only their owner may read them.
 */
export class Contexts {
  readonly #dir: string
  readonly #chosenByEnvironment: string | undefined

  /** Those in `$XDG_CONFIG_HOME/v4v`, or `~/.config/v4v`; `$V4V_CONTEXT` chooses before the file. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.#dir = join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'v4v')
    this.#chosenByEnvironment = env['V4V_CONTEXT'] || undefined
  }

  /** The file of a context of this name, whether it is there or not. */
  pathOf(name: string): string {
    return join(this.#dir, 'contexts', `${name}${ENDING}`)
  }

  /** The names of all contexts, in order. @throws Failure when the folder can't be read. */
  async names(): Promise<string[]> {
    const dir = join(this.#dir, 'contexts')
    try {
      const files = await readdir(dir)
      return files
        .filter(file => file.endsWith(ENDING))
        .map(file => file.slice(0, -ENDING.length))
        .filter(name => contextNameProblem(name) === undefined)
        .sort()
    } catch (error) {
      if (isAbsent(error)) return []
      throw unreadable(dir, error)
    }
  }

  /**
   * The context of this name.
   * @throws Failure: exit code 2 when there is none, else 1 when it can't be read.
   */
  async read(name: string): Promise<Context> {
    const context = await this.#read(name)
    if (context !== undefined) return context
    throw await this.#unknown(name)
  }

  /**
   * The one that is meant when none is named: that of `$V4V_CONTEXT`, else the current one.
   * @throws Failure when there is none of that name, or it can't be read.
   */
  async chosen(): Promise<Context | undefined> {
    const name = await this.chosenName()
    if (name === undefined) return undefined
    if (this.#chosenByEnvironment !== undefined) return this.read(name)
    const context = await this.#read(name)
    if (context !== undefined) return context
    const what = `the current context ${JSON.stringify(name)} is not there any more`
    throw failed(what, 'choose with "v4v context use NAME", or "v4v context use --none"')
  }

  /** Its name, if one is chosen. @throws Failure when that can't be read. */
  async chosenName(): Promise<string | undefined> {
    return this.#chosenByEnvironment ?? (await this.#currentName())
  }

  /**
   * Writes a context.
   * @param isReplaced whether one of that name may give way.
   * @throws Failure: exit code 2 for a name that none can have, 3 when there is one that may not.
   */
  async write(context: Context, isReplaced: boolean): Promise<void> {
    const { name } = context
    checkContextName(name)
    const isWritten = await writeWhole(this.pathOf(name), formatContext(context), isReplaced)
    if (!isWritten) {
      throw refused(`there is a context ${JSON.stringify(name)} already`, 'use --replace')
    }
  }

  /** Makes a context the current one; without a name there is none any more. */
  async use(name: string | undefined): Promise<void> {
    if (name === undefined) {
      await rm(this.#currentPath, { force: true })
      return
    }
    await this.read(name)
    await writeWhole(this.#currentPath, `${name}\n`, true)
  }

  /** Removes a context, also one that can't be read. @throws Failure with exit code 2 for none. */
  async remove(name: string): Promise<void> {
    checkContextName(name)
    if (!(await this.names()).includes(name)) throw await this.#unknown(name)
    // First, so that no current one is left that is not there.
    if ((await this.#currentName()) === name) await this.use(undefined)
    await rm(this.pathOf(name), { force: true })
  }

  get #currentPath(): string {
    return join(this.#dir, 'context')
  }

  async #read(name: string): Promise<Context | undefined> {
    checkContextName(name)
    const path = this.pathOf(name)
    let text
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw unreadable(path, error)
    }
    return parseContext(name, path, text)
  }

  async #currentName(): Promise<string | undefined> {
    const path = this.#currentPath
    try {
      return (await readFile(path, 'utf8')).trim() || undefined
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw unreadable(path, error)
    }
  }

  async #unknown(name: string): Promise<Error> {
    const names = await this.names()
    const others =
      names.length === 0
        ? 'add it with "v4v context add NAME --url URL"'
        : `there are: ${names.join(', ')}`
    return usage(`there is no context ${JSON.stringify(name)}`, others)
  }
}

/** Writes a file as a whole or not at all; false when there is one that must stay. */
async function writeWhole(path: string, text: string, isReplaced: boolean): Promise<boolean> {
  const folder = dirname(path)
  const written = join(folder, `.${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(written, text, { mode: 0o600, flag: 'wx', flush: true })
    return await putInPlace(written, path, isReplaced)
  } catch (error) {
    throw failed(`${path} can't be written: ${errorCode(error)}`, 'see who owns it', error)
  } finally {
    await rm(written, { force: true }).catch(() => undefined) // it was told why it is there
  }
}

async function putInPlace(written: string, path: string, isReplaced: boolean): Promise<boolean> {
  if (isReplaced) {
    await rename(written, path)
    return true
  }
  try {
    await link(written, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR'
}

function unreadable(path: string, error: unknown): Error {
  return failed(`${path} can't be read: ${errorCode(error)}`, 'see who owns it', error)
}
