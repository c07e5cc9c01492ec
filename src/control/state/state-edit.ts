import { encodePolicy, BODY_FORMAT } from '../../store/policy-body.js'
import type { PolicyFile } from '../../policy/yaml-source.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import { hashOf } from '../../store/revision-store.js'
import { viewState, type StateView } from '../../store/state-view.js'
import { openStore, type Store } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import { readPolicy } from '../policy/boot-policy.js'
import { documentsOf } from '../policy/policy-json.js'
import { keptRevisions, type KeptRevision } from './check-state.js'
import { issueRoot } from './repair-state.js'
import { databaseIn, fileAuthor, offlineOptions } from './state-author.js'

/**
 * The revisions that a state folder keeps, the newest first; a daemon may run.
 * @throws StoreError when the database can't be read.
 */
export function stateRevisions(dir: string): KeptRevision[] {
  return withView(dir, keptRevisions)
}

/**
 * The documents of a revision's policy, or one that says the same; a daemon may run.
 * @returns ENOENT when it is not kept, EINVAL when it can't be read.
 * @throws StoreError when the database can't be read.
 */
export function stateDocuments(
  dir: string,
  revision: number,
): { readonly ok: true; readonly documents: readonly PolicyFile[] } | Refusal<'ENOENT' | 'EINVAL'> {
  return withView(dir, view => {
    const policy = readPolicy(view, revision)
    if (policy === undefined) return notKept(revision)
    if (typeof policy === 'string') return refuse('EINVAL', policy)
    return { ok: true, documents: documentsOf(policy) }
  })
}

/**
 * Makes what a revision said the next one, with which a daemon starts. None may run.
 * @returns ENOENT when it is not kept, EINVAL when it can't be read.
 * @throws StoreError when a daemon runs or the database is damaged.
 */
export function useRevision(
  dir: string,
  revision: number,
  reason: string,
): { readonly ok: true; readonly revision: number } | Refusal<'ENOENT' | 'EINVAL'> {
  return withStore(dir, store => {
    const policy = readPolicy(store, revision)
    if (policy === undefined) return notKept(revision)
    if (typeof policy === 'string') return refuse('EINVAL', policy)
    const body = encodePolicy(policy)
    const revisionBefore = store.policies.currentRevision()
    const author = fileAuthor()
    const revisionAfter = store.policies.append({
      author: author.actor,
      reason,
      format: BODY_FORMAT,
      rules: policy.rules.length,
      body,
      hash: hashOf(body),
    })
    store.audit.append({
      ...author,
      action: 'policy.rollback',
      target: String(revision),
      revisionBefore,
      revisionAfter,
      reason,
    })
    return { ok: true, revision: revisionAfter }
  })
}

/**
 * Makes a token with the role root and writes it into `admin.token`. No daemon may run.
 * @throws StoreError when a daemon runs, the database is damaged, or there are too many tokens.
 */
export function makeRootToken(dir: string, reason: string): void {
  withStore(dir, store => {
    const target = String(issueRoot(store, dir))
    store.audit.append({ ...fileAuthor(), action: 'token.issue', target, reason })
  })
}

function withView<T>(dir: string, work: (view: StateView) => T): T {
  const path = databaseIn(dir)
  const view = viewState(path)
  if (view === undefined) {
    throw new StoreError('newer', `${path} is of an older version: start the daemon once`)
  }
  try {
    return work(view)
  } finally {
    view.close()
  }
}

function withStore<T>(dir: string, work: (store: Store) => T): T {
  const store = openStore(databaseIn(dir), offlineOptions)
  try {
    return store.transaction(() => work(store))
  } finally {
    store.close()
  }
}

function notKept(revision: number): Refusal<'ENOENT'> {
  return refuse('ENOENT', `revision ${revision} is not kept: see "v4v state revisions"`)
}
