import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errorCode, failed, type Failure } from './fail.js'

/** A policy document and what its file is called. */
export interface PolicyText {
  readonly name: string
  readonly text: string
}

/**
 * Reads policy documents, called by their paths. A folder stands for the .yaml files right in it.
 * @throws Failure for one that can't be read, and for a folder without any.
 */
export async function readPolicyFiles(paths: readonly string[]): Promise<PolicyText[]> {
  return Promise.all(
    (await filesOf(paths)).map(async path => {
      try {
        return { name: path, text: await readFile(path, 'utf8') }
      } catch (error) {
        throw unreadable(path, error)
      }
    }),
  )
}

/**
 * The files that paths stand for.
 * @throws Failure as `readPolicyFiles` does.
 */
export async function filesOf(paths: readonly string[]): Promise<string[]> {
  return (await Promise.all(paths.map(filesOfPath))).flat()
}

async function filesOfPath(path: string): Promise<string[]> {
  const names = await namesIn(path)
  if (names === undefined) return [path]
  const files = names.filter(name => name.endsWith('.yaml'))
  // As a policy, no file at all would lock everyone out.
  if (files.length === 0) throw failed(`there is no .yaml file in ${path}`)
  return files.map(name => join(path, name))
}

/** What is in a folder; undefined for a file. */
async function namesIn(path: string): Promise<string[] | undefined> {
  try {
    return (await stat(path)).isDirectory() ? await readdir(path) : undefined
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): Failure {
  return failed(`${path} can't be read: ${errorCode(error) ?? 'unknown error'}`)
}

/** Documents as the daemon takes them: in the order of their names, whatever folder they are in. */
export function withoutFolders(documents: readonly PolicyText[]): PolicyText[] {
  return documents.map(({ name, text }) => ({ name: basename(name), text }))
}
