import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkDatabase, openDatabase } from '../../store/database-file.js'
import { BODY_FORMAT, EMPTY_POLICY, encodePolicy } from '../../store/policy-body.js'
import { createPrivateFile } from '../../store/private-file.js'
import { hashOf } from '../../store/revision-store.js'
import { copyState, salvage, type Loss, type Salvage } from '../../store/salvage.js'
import { lockState } from '../../store/state-lock.js'
import { discard, keepBeside, putInPlace } from '../../store/state-swap.js'
import { DATABASE_FILE, Store } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import { newestGood } from '../policy/boot-policy.js'
import { ADMIN_TOKEN_FILE, checkState, type StateCheck } from './check-state.js'
import { databaseIn, fileAuthor, offlineOptions } from './state-author.js'

/** What a repair did, or would do. */
export interface Repair {
  /** What was found before. */
  readonly before: StateCheck
  /** False when there was nothing that it mends: then nothing was changed. */
  readonly isNeeded: boolean
  /** Where everything is as it was. */
  readonly copy: string | null
  /** Rows that were taken over, by table. */
  readonly rows: Readonly<Record<string, number>>
  readonly losses: readonly Loss[]
  /** The newest revision that can be read; 0 when there is none, and all is rejected. */
  readonly good: number
  /** The revision that a daemon starts with now. */
  readonly revision: number
  /** Whether a new token with the role root is in `admin.token`, since no other was left. */
  readonly isTokenNew: boolean
  /** Why the audit log can't be proved to be whole. */
  readonly audit: string | null
}

/** What repair mends: a broken chain of the audit log is not among it, for nothing can. */
const mended = ['database', 'policy', 'revisions', 'rows', 'admin']

/**
 * Takes over what can be read of a state folder's database into a new one, in which the newest good
 * revision is the newest; where there is none, one that rejects everything. No daemon may run.
 * @param isDry only says what would be done.
 * @throws StoreError when a daemon runs, when the database is of another program or of a newer
 *   version, or when there is no room.
 */
export function repairState(dir: string, reason: string, isDry: boolean): Repair {
  const path = databaseIn(dir)
  const lock = lockState(dir)
  try {
    refuseOthers(path)
    const before = checkState(dir)
    const isNeeded = before.findings.some(
      ({ name, status }) => status !== 'ok' && mended.includes(name),
    )
    if (!isNeeded) {
      const audit = before.findings.find(({ name, status }) => name === 'audit' && status !== 'ok')
      const revision = before.revision ?? 0
      return {
        ...{ before, isNeeded, copy: null, rows: {}, losses: [], good: revision, revision },
        ...{ isTokenNew: false, audit: audit?.message ?? null },
      }
    }
    const fresh = `${path}.repaired`
    discard(fresh)
    try {
      const salvaged = salvage(path, fresh, `${path}.salvage`)
      const made = finish(dir, fresh, salvaged, reason, isDry)
      const copy = isDry ? null : keepBeside(path, 'before-repair', Date.now())
      if (!isDry) putInPlace(fresh, path)
      return { before, isNeeded, copy, rows: salvaged.rows, losses: salvaged.losses, ...made }
    } finally {
      discard(fresh)
    }
  } finally {
    lock.release()
  }
}

/**
 * Puts a copy in the place of the database, which is kept beside it.
 * @param from what `copyDatabase` or `keepBeside` made.
 * @returns where it is kept, or undefined when there was none.
 * @throws StoreError when a daemon runs, or the copy is not whole.
 */
export function restoreState(dir: string, from: string, reason: string): string | undefined {
  const lock = lockState(dir)
  const path = join(dir, DATABASE_FILE)
  const fresh = `${path}.restored`
  try {
    checkDatabase(from)
    discard(fresh)
    createPrivateFile(fresh)
    // With its log: it may be one that was kept beside.
    copyState(from, fresh)
    const store = new Store(openDatabase(fresh), { release: () => undefined }, offlineOptions)
    const revision = store.policies.currentRevision()
    const target = `revision ${revision}`
    store.audit.append({ ...fileAuthor(), action: 'state.restore', target, reason })
    store.close()
    const isThere = existsSync(path) || existsSync(`${path}-wal`)
    const copy = isThere ? keepBeside(path, 'before-restore', Date.now()) : undefined
    putInPlace(fresh, path)
    return copy
  } finally {
    discard(fresh)
    lock.release()
  }
}

// What is whole but not ours is left alone.
function refuseOthers(path: string): void {
  try {
    if (existsSync(path)) checkDatabase(path)
  } catch (error) {
    const isDamage =
      error instanceof StoreError && (error.failure === 'corrupt' || error.failure === 'failed')
    if (!isDamage) throw error
  }
}

function finish(
  dir: string,
  fresh: string,
  salvaged: Salvage,
  reason: string,
  isDry: boolean,
): Pick<Repair, 'good' | 'revision' | 'isTokenNew' | 'audit'> {
  const store = new Store(openDatabase(fresh), { release: () => undefined }, offlineOptions)
  try {
    return store.transaction(() => {
      const verdict = store.audit.verify()
      const audit = verdict.ok ? null : verdict.message
      const newest = store.policies.currentRevision()
      const { revision: good, policy } = newestGood(store, newest)
      let revision = good
      // So that a number that was given once never stands for something else.
      if (good === 0 || good < newest || good < salvaged.lastRevision) {
        const body = encodePolicy(good === 0 ? EMPTY_POLICY : policy)
        revision = store.policies.append({
          author: fileAuthor().actor,
          reason: good === 0 ? 'repair: no revision could be read' : `repair: as revision ${good}`,
          format: BODY_FORMAT,
          rules: policy.rules.length,
          body,
          hash: hashOf(body),
          above: salvaged.lastRevision,
        })
      }
      const isTokenNew = !store.tokens.hasRoot()
      if (isTokenNew) issueRoot(store, isDry ? undefined : dir)
      const lost = salvaged.losses.length
      store.audit.append({
        ...fileAuthor(),
        action: 'state.repair',
        target: `${lost} losses`,
        revisionBefore: good,
        revisionAfter: revision,
        reason,
        detail: { losses: salvaged.losses.slice(0, LOSSES_MAX), audit, isTokenNew },
      })
      return { good, revision, isTokenNew, audit }
    })
  } finally {
    store.close()
  }
}

/** Losses that the audit log names. */
const LOSSES_MAX = 50

/**
 * Makes a token with the role root, in a transaction, and writes it down where the first start does.
 * @param dir the state folder; nothing is written without.
 * @returns the token's id.
 * @throws StoreError when there are too many tokens.
 */
export function issueRoot(store: Store, dir: string | undefined): number {
  const issued = store.tokens.issueAdmin('root', { label: 'made by v4v state' })
  if (!issued.ok) throw new StoreError('full', issued.message)
  if (dir !== undefined) {
    const path = join(dir, ADMIN_TOKEN_FILE)
    createPrivateFile(path)
    chmodSync(path, 0o600)
    writeFileSync(path, `${issued.text}\n`)
  }
  return issued.token.id
}
