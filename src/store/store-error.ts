import Sqlite from 'better-sqlite3'
import type { ErrorCode } from '../abi/errno.js'
import { cutText } from './limits.js'

/** What can be wrong with stored state, and the errno it is answered with. */
const codes = {
  /** Another daemon or program holds it. */
  locked: 'EBUSY',
  /** It can't be created, opened or written. */
  'not-writable': 'EIO',
  /** Its bytes are not what was written. */
  corrupt: 'EIO',
  /** A later version of this program wrote it. */
  newer: 'EPROTONOSUPPORT',
  /** It is a database, but not one of this program. */
  foreign: 'EINVAL',
  /** No space is left. */
  full: 'ENOSPC',
  /** Reading or writing failed. */
  failed: 'EIO',
  /** SQLite itself is not there: its package was installed and not compiled, or for another Node. */
  'not-compiled': 'EOPNOTSUPP',
} as const satisfies Record<string, ErrorCode>

const WHAT_CHARS_MAX = 200

export type StoreFailure = keyof typeof codes

/** Stored state can't be used. The message is one sentence for a person: what, where, what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly failure: StoreFailure
  readonly code: ErrorCode

  constructor(failure: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
    this.code = codes[failure]
  }
}

/**
 * Turns what SQLite or the file system threw about `path` into a StoreError.
 * @returns the StoreError, or the same value when it is neither's.
 */
export function storeErrorFrom(error: unknown, path: string): unknown {
  if (error instanceof Sqlite.SqliteError) return fromSqlite(error, path)
  if (isNotCompiled(error)) {
    const message =
      'better-sqlite3 was not compiled for this version of Node: run "npm rebuild better-sqlite3"'
    return new StoreError('not-compiled', message, { cause: error })
  }
  if (error instanceof Error && 'syscall' in error && 'code' in error)
    return fromSystem(error, path)
  return error
}

/** True for what comes when its compiled part is missing, or is of another version. */
function isNotCompiled(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return code === 'ERR_DLOPEN_FAILED' || error.message.startsWith('Could not locate the bindings')
}

// The result code before its extension: SQLITE_IOERR_WRITE is an SQLITE_IOERR.
function fromSqlite(error: InstanceType<typeof Sqlite.SqliteError>, path: string): StoreError {
  const options = { cause: error }
  switch (error.code.split('_', 2).join('_')) {
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new StoreError(
        'locked',
        `another program is using ${path}: stop it and try again`,
        options,
      )
    case 'SQLITE_FULL':
      return new StoreError(
        'full',
        `there is no space left for ${path}: free some and try again`,
        options,
      )
    case 'SQLITE_READONLY':
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_PERM':
      return notWritable(path, error)
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB':
      return damaged(path, error.message, options)
    default:
      // In the header; SQLite has no code for it.
      if (error.message === 'unsupported file format') return damaged(path, error.message, options)
      return new StoreError(
        'failed',
        `using ${path} failed (${oneLine(error.message)}): "v4v state check" says more`,
        options,
      )
  }
}

function fromSystem(error: Error & { code: unknown }, path: string): StoreError {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new StoreError('full', `there is no space left for ${path}: free some and try again`, {
      cause: error,
    })
  }
  return notWritable(path, error)
}

/** The error for bytes that are not what was written. */
export function damaged(path: string, what: string, options?: ErrorOptions): StoreError {
  return new StoreError(
    'corrupt',
    // SQLite quotes what is in a damaged file, of several lines and of any length.
    `${path} is damaged (${oneLine(what)}): mend it with "v4v state repair", or put a copy of it in its place`,
    options,
  )
}

function oneLine(text: string): string {
  return cutText(text.replace(/\s+/g, ' '), WHAT_CHARS_MAX)
}

function notWritable(path: string, error: Error): StoreError {
  return new StoreError(
    'not-writable',
    `${path} can't be opened for writing (${error.message}): make sure that its folder exists and that this user may write there`,
    { cause: error },
  )
}
