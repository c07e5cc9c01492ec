import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { LOG_ENDINGS } from './database-file.js'
import { createPrivateFile } from './private-file.js'
import { copyState } from './salvage.js'
import { storeErrorFrom } from './store-error.js'

/**
 * Copies a database that nobody uses, with its log, to a name beside it that says when and why.
 * @param why such as `before-repair`.
 * @returns where the copy is.
 * @throws StoreError
 */
export function keepBeside(path: string, why: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  const name = `${path}.${why}-${stamp}`
  let copy = name
  for (let nth = 2; existsSync(copy); nth++) copy = `${name}-${nth}`
  createPrivateFile(copy)
  copyState(path, copy)
  return copy
}

/**
 * Puts a closed database in the place of another one that nobody uses. The log of the old one goes
 * first, for SQLite would take it for that of the new one.
 * @throws StoreError
 */
export function putInPlace(fresh: string, path: string): void {
  try {
    for (const ending of LOG_ENDINGS) rmSync(path + ending, { force: true })
    renameSync(fresh, path)
    const folder = openSync(dirname(path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch (error) {
    throw storeErrorFrom(error, path)
  }
}

/** Removes a database that was only a working copy, with its log. */
export function discard(path: string): void {
  for (const ending of ['', ...LOG_ENDINGS]) rmSync(path + ending, { force: true })
}
