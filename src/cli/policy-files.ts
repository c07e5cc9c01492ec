import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { errorCode, failed } from './fail.js'

/** A policy document and what its file is called. */
export interface PolicyText {
  readonly name: string
  readonly text: string
}

/**
 * Reads policy documents, called by their paths.
 * @throws Failure for one that can't be read.
 */
export function readPolicyFiles(paths: readonly string[]): Promise<PolicyText[]> {
  return Promise.all(
    paths.map(async path => {
      try {
        return { name: path, text: await readFile(path, 'utf8') }
      } catch (error) {
        throw failed(`${path} can't be read: ${errorCode(error) ?? 'unknown error'}`)
      }
    }),
  )
}

/** Documents as the daemon takes them: in the order of their names, whatever folder they are in. */
export function withoutFolders(documents: readonly PolicyText[]): PolicyText[] {
  return documents.map(({ name, text }) => ({ name: basename(name), text }))
}
