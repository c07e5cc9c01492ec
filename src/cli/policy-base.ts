import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AdminClient } from './admin-client.js'
import { errorCode, failed, refused } from './fail.js'
import { isFolder } from './policy-files.js'
import type { RevisionList } from './rest-policy.js'

/** The revision that the files of a folder come from. */
export interface PolicyBase {
  readonly revision: number
  /** SHA-256 of what is kept of it, in hex; empty for revision 0, which is none. */
  readonly hash: string
  /** The hash of what the daemon goes back to when nobody confirms that revision. */
  readonly otherwise?: string | undefined
}

/**
 * The file in which a folder of policy files keeps that. It is none of the policy, so that what is
 * exported and imported again is the same to the byte.
 */
export const BASE_FILE = '.revision'

/** Who makes the revision that goes back to the one before. */
const DAEMON = 'daemon'
const basePattern = /^([0-9]{1,15})(?: ([0-9a-f]{64})(?: else ([0-9a-f]{64}))?)?\s*$/

/** The folder that paths are, when they are one. */
export async function onlyFolder(paths: readonly string[]): Promise<string | undefined> {
  const [path, another] = paths
  if (path === undefined || another !== undefined) return undefined
  return (await isFolder(path)) ? path : undefined
}

/**
 * The revision that the files of a folder come from; undefined when it is not kept there.
 * @throws Failure when the file says something else.
 */
export async function readBase(dir: string): Promise<PolicyBase | undefined> {
  const path = join(dir, BASE_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw failed(`${path} can't be read: ${errorCode(error) ?? 'unknown error'}`)
  }
  const [, revision, hash = '', otherwise] = basePattern.exec(text) ?? []
  if (revision !== undefined) return { revision: Number(revision), hash, otherwise }
  throw failed(`${path} does not say which revision the files come from`, 'remove it')
}

/** Keeps the revision that the files of a folder come from. */
export async function writeBase(
  dir: string,
  { revision, hash, otherwise }: PolicyBase,
): Promise<void> {
  const words = [revision, hash, ...(otherwise === undefined ? [] : ['else', otherwise])]
  await writeFile(join(dir, BASE_FILE), `${words.join(' ').trimEnd()}\n`)
}

/** A revision of the daemon and its hash; undefined when it is not kept. */
export async function baseOf(
  client: AdminClient,
  revision: number,
): Promise<PolicyBase | undefined> {
  if (revision === 0) return { revision, hash: '' }
  const path = `/v1/policy/revisions?limit=1&before=${revision + 1}`
  const [found] = (await client.get<RevisionList>(path)).revisions
  return found?.revision === revision ? { revision, hash: found.hash } : undefined
}

/**
 * The revision that a policy from such files is to be put in the place of: the base, or the one in
 * force when that says the same to the byte, or when the daemon went back because nobody confirmed
 * the base.
 * @throws Failure, refused, when the base is no revision of this daemon.
 */
export async function revisionFor(
  client: AdminClient,
  dir: string,
  base: PolicyBase,
): Promise<number> {
  const [newest] = (await client.get<RevisionList>('/v1/policy/revisions?limit=1')).revisions
  if (newest?.hash === base.hash) return newest.revision
  if (newest?.author === DAEMON && newest.hash === base.otherwise) return newest.revision
  const kept = await baseOf(client, base.revision)
  if (kept === undefined || kept.hash === base.hash) return base.revision
  throw refused(
    `${join(dir, BASE_FILE)} says that the files come from revision ${base.revision}, but that of this daemon says something else`,
    'see what they would change with "v4v policy plan", and put them in force with --force',
  )
}
