import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DOCUMENT_FOLDERS, documentNames, isDocumentName } from '../policy/document-name.js'
import { errorCode, failed, type Failure } from './fail.js'

/** A policy document and what its file is called. */
export interface PolicyText {
  readonly name: string
  readonly text: string
}

/** A policy file. */
export interface PolicyPath {
  readonly path: string
  /** What its document is called, whatever folder it is in. */
  readonly document: string
}

/**
 * Reads policy documents, called by their paths. A folder stands for the .yaml files right in it
 * and in its folders for sets and tests.
 * @throws Failure for one that can't be read, and for a folder without any.
 */
export async function readPolicyFiles(paths: readonly string[]): Promise<PolicyText[]> {
  return readAll(await filesOf(paths), ({ path }) => path)
}

/** Reads them as the daemon takes them: in the order of their names, whatever folder they are in. */
export async function readDocuments(paths: readonly string[]): Promise<PolicyText[]> {
  return readAll(await filesOf(paths), ({ document }) => document)
}

/**
 * Writes documents as the files of a folder.
 * @throws Failure for a name that is none of a document.
 */
export async function writeDocuments(dir: string, documents: readonly PolicyText[]): Promise<void> {
  for (const { name } of documents) {
    if (!isDocumentName(name))
      throw failed(`the daemon calls a policy file ${JSON.stringify(name)}`)
  }
  await mkdir(dir, { recursive: true })
  for (const { name, text } of documents) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
}

/**
 * The files that paths stand for.
 * @throws Failure as `readPolicyFiles` does.
 */
export async function filesOf(paths: readonly string[]): Promise<PolicyPath[]> {
  return (await Promise.all(paths.map(filesOfPath))).flat()
}

/** Whether a path leads to a folder. @throws Failure when it leads nowhere. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function filesOfPath(path: string): Promise<PolicyPath[]> {
  if (!(await isFolder(path))) return [{ path, document: basename(path) }]
  const names = new Map<string | undefined, readonly string[]>()
  for (const folder of [undefined, ...DOCUMENT_FOLDERS])
    names.set(folder, await namesIn(path, folder))
  const documents = documentNames(folder => names.get(folder)!)
  // As a policy, no file at all would lock everyone out.
  if (documents.length === 0) throw failed(`there is no .yaml file in ${path}`)
  return documents.map(document => ({ path: join(path, document), document }))
}

/** What is in a folder, or in a folder of it that need not be there. */
async function namesIn(path: string, folder?: string): Promise<string[]> {
  try {
    return await readdir(folder === undefined ? path : join(path, folder))
  } catch (error) {
    const code = errorCode(error)
    if (folder !== undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return []
    throw unreadable(path, error)
  }
}

async function readAll(
  files: readonly PolicyPath[],
  nameOf: (file: PolicyPath) => string,
): Promise<PolicyText[]> {
  return Promise.all(
    files.map(async file => {
      try {
        return { name: nameOf(file), text: await readFile(file.path, 'utf8') }
      } catch (error) {
        throw unreadable(file.path, error)
      }
    }),
  )
}

function unreadable(path: string, error: unknown): Failure {
  const code = errorCode(error)
  if (code === 'ENOENT') return failed(`there is no file or folder ${path}`)
  return failed(`${path} can't be read: ${code ?? 'unknown error'}`)
}
