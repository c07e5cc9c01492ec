import { existsSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { HEAD_FILE, HeadFile } from '../../store/audit-head.js'
import { checkFlows, FLOWS_FILE } from '../../store/flow-store.js'
import { LOCK_FILE } from '../../store/state-lock.js'
import { viewState, type StateView } from '../../store/state-view.js'
import { DATABASE_FILE } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import { policyInStore, readPolicy } from '../policy/boot-policy.js'
import type { RevisionInfo } from '../../store/revision-store.js'

/** How well something is: degraded lets a daemon start all the same, broken does not. */
export const STATE_STATUSES = ['ok', 'degraded', 'broken'] as const
export type StateStatus = (typeof STATE_STATUSES)[number]

/** One thing that was looked at. */
export interface StateFinding {
  readonly name: string
  readonly status: StateStatus
  readonly message: string
}

/** What is in a state folder, and whether a daemon can start with it. */
export interface StateCheck {
  /** The worst of all. */
  readonly status: StateStatus
  /** The revision that a daemon would start with: 0 for none, null when it could not start. */
  readonly revision: number | null
  readonly findings: readonly StateFinding[]
}

/** A revision that is kept. */
export interface KeptRevision extends RevisionInfo {
  /** Why it can't be read, or undefined. */
  readonly problem: string | undefined
}

export const ADMIN_TOKEN_FILE = 'admin.token'
/** As `v4v check` has it: room for write-ahead logs, and for an admin to make more. */
const FREE_BYTES_MIN = 32 * 1024 * 1024
const OTHERS = 0o077
const NAMED_MAX = 3
const PAGE = 1_000

/**
 * Looks at everything in a state folder that a daemon needs, and changes nothing. It reads the whole
 * database and computes all hashes, which takes long: a daemon does it in a thread.
 */
export function checkState(dir: string): StateCheck {
  const findings: StateFinding[] = [...files(dir), disk(dir)]
  const path = join(dir, DATABASE_FILE)
  let revision: number | null = null
  if (!existsSync(path) && !existsSync(`${path}-wal`)) {
    const message = 'there is none yet: the first start makes it'
    findings.push({ name: 'database', status: 'ok', message })
  } else {
    const checked = database(dir)
    findings.push(...checked.findings)
    ;({ revision } = checked)
  }
  findings.push(flows(join(dir, FLOWS_FILE)))
  return { status: worst(findings), revision, findings }
}

/** The revisions that are kept, the newest first, each of them read. */
export function keptRevisions(view: Pick<StateView, 'policies'>): KeptRevision[] {
  const kept: KeptRevision[] = []
  for (let before = Number.MAX_SAFE_INTEGER; ;) {
    const page = view.policies.history(PAGE, before)
    for (const info of page) {
      const policy = readPolicy(view, info.revision)
      kept.push({ ...info, problem: typeof policy === 'string' ? policy : undefined })
    }
    const next = page.at(-1)?.revision ?? 0
    if (page.length < PAGE || next >= before) return kept
    before = next
  }
}

function worst(findings: readonly StateFinding[]): StateStatus {
  const places = findings.map(({ status }) => STATE_STATUSES.indexOf(status))
  return STATE_STATUSES[Math.max(...places)] ?? 'ok'
}

function database(dir: string): Omit<StateCheck, 'status'> {
  let view: StateView | undefined
  try {
    view = viewState(join(dir, DATABASE_FILE))
    if (view === undefined) {
      const message = 'its tables are of an older version, which the next start changes'
      return { revision: null, findings: [{ name: 'database', status: 'ok', message }] }
    }
    const intact: StateFinding = {
      name: 'database',
      status: 'ok',
      message: 'SQLite finds it whole',
    }
    const { revision, problem } = policyInStore(view)
    const policy: StateFinding = {
      name: 'policy',
      status: problem === undefined ? 'ok' : 'degraded',
      message: problem ?? `revision ${revision} is the one to start with`,
    }
    const rest = [policy, revisions(view), rows(view), audit(view, dir), admin(view)]
    return { revision, findings: [intact, ...rest] }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const { message } = error
    return { revision: null, findings: [{ name: 'database', status: 'broken', message }] }
  } finally {
    view?.close()
  }
}

function files(dir: string): StateFinding[] {
  const names = [DATABASE_FILE, `${DATABASE_FILE}-wal`, FLOWS_FILE, LOCK_FILE, ADMIN_TOKEN_FILE]
  const open = names.filter(name => {
    const stat = statSync(join(dir, name), { throwIfNoEntry: false })
    return stat !== undefined && (stat.mode & OTHERS) !== 0
  })
  if (open.length === 0) {
    return [{ name: 'files', status: 'ok', message: 'nobody but their owner can read them' }]
  }
  const message = `others may read ${open.join(', ')} in ${dir}: take that away with chmod 600`
  return [{ name: 'files', status: 'degraded', message }]
}

function disk(dir: string): StateFinding {
  const { bavail, bsize } = statfsSync(dir)
  const free = bavail * bsize
  const message = `${Math.floor(free / 1024 / 1024)} MiB free at ${dir}`
  return { name: 'disk', status: free < FREE_BYTES_MIN ? 'degraded' : 'ok', message }
}

function revisions(view: StateView): StateFinding {
  const kept = keptRevisions(view)
  const bad = kept.filter(({ problem }) => problem !== undefined)
  const name = 'revisions'
  if (bad.length === 0) {
    return { name, status: 'ok', message: `${kept.length} are kept, and all can be read` }
  }
  const shown = some(bad.map(({ revision }) => String(revision)))
  const message = `${bad.length} of ${kept.length} can't be read: ${shown}`
  return { name, status: 'degraded', message }
}

function rows(view: StateView): StateFinding {
  const unsound = view.unsound()
  const dangling = view.danglingRows()
  const name = 'rows'
  if (unsound.length > 0) {
    const message = `${unsound.length} are not what was written, and dropped at the next start: ${some(unsound)}`
    return { name, status: 'degraded', message }
  }
  if (dangling > 0) {
    const message = `${dangling} refer to others that are not there`
    return { name, status: 'degraded', message }
  }
  return { name, status: 'ok', message: 'they are what was written' }
}

function audit(view: StateView, dir: string): StateFinding {
  const verdict = view.audit.verify(new HeadFile(join(dir, HEAD_FILE)).read())
  const name = 'audit'
  if (!verdict.ok) return { name, status: 'degraded', message: verdict.message }
  const message = `${verdict.records} records, the last with hash ${verdict.hash}`
  return { name, status: 'ok', message }
}

function admin(view: StateView): StateFinding {
  const name = 'admin'
  const isLeft = view.tokens.hasRoot()
  const message = isLeft
    ? 'there is a valid token with the role root'
    : 'no valid token has the role root: make one with "v4v state token"'
  return { name, status: isLeft ? 'ok' : 'degraded', message }
}

function flows(path: string): StateFinding {
  const name = 'flows'
  if (!existsSync(path)) return { name, status: 'ok', message: 'there is no history yet' }
  try {
    const problem = checkFlows(path)
    if (problem === undefined) return { name, status: 'ok', message: 'the history can be read' }
    const message = `${problem}; the next start puts it aside and begins a new one`
    return { name, status: 'degraded', message }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return { name, status: 'broken', message: error.message }
  }
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX).join(', ')
  return names.length > NAMED_MAX ? `${shown} and ${names.length - NAMED_MAX} more` : shown
}
