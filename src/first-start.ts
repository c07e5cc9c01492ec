import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mergeDocuments } from './policy/document.js'
import { documentNames } from './policy/document-name.js'
import { BODY_FORMAT, encodePolicy, type KeptPolicy } from './store/policy-body.js'
import { hashOf } from './store/revision-store.js'
import type { Store } from './store/store.js'
import { defaultLimits } from './abi/limits.js'
import { ConfigError } from './config.js'

/** The rule set that comes with the package: reject all, but for what the demo needs. */
export const packagedPolicyDir = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'policy')

/**
 * Reads the policy documents of a folder, in the order of their names; of its subfolders only those
 * for sets and for tests.
 * @throws ConfigError with every problem of every file, each with its line and column.
 */
export function readPolicyDir(dir: string): KeptPolicy {
  let names: string[]
  try {
    names = documentNames(folder =>
      folder === undefined ? readdirSync(dir) : namesIn(join(dir, folder)),
    )
  } catch (error) {
    throw new ConfigError(`the policy folder ${dir} can not be read: ${(error as Error).message}`)
  }
  if (names.length === 0) throw new ConfigError(`the policy folder ${dir} has no .yaml file`)
  const documents = names.map(name => ({ name, text: readFileSync(join(dir, name), 'utf8') }))
  const read = mergeDocuments(documents)
  if (read.ok) {
    const { rules, sets, tags, tests } = read
    return { rules, sets, tags, tests, documents }
  }
  const lines = read.problems.map(
    ({ file, line, column, message }) => `${join(dir, file)}:${line}:${column}: ${message}`,
  )
  throw new ConfigError(lines.join('\n'))
}

/** What is in a folder; nothing when there is no such folder. */
function namesIn(dir: string): string[] {
  return statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(dir) : []
}

/** Whether a store was never filled: where anybody did anything before, a policy was lost. */
export function isFirstStart(store: Store): boolean {
  return store.policies.currentRevision() === 0 && store.audit.size() === 0
}

/**
 * Fills a store that has no revision yet: the admin's token and the first policy, together or not
 * at all.
 * @param keepToken writes down the admin's token, which is not kept anywhere else; when it throws,
 *   nothing has happened and the next start is the first again.
 */
export function firstStart(
  store: Store,
  policy: KeptPolicy,
  policyDir: string,
  keepToken: (token: string) => void,
): void {
  store.transaction(() => {
    const author = 'first start'
    const reason = `policy read from ${policyDir}`
    const { rulesMax } = defaultLimits
    if (policy.rules.length > rulesMax) {
      throw new ConfigError(`${policy.rules.length} rules are more than the limit of ${rulesMax}`)
    }
    const body = encodePolicy(policy)
    const revision = store.policies.append({
      author,
      reason,
      format: BODY_FORMAT,
      rules: policy.rules.length,
      body,
      hash: hashOf(body),
    })
    store.audit.append({
      actor: author,
      auth: 'file',
      origin: `uid ${process.getuid?.() ?? 'unknown'}`,
      action: 'policy.replace',
      target: 'policy',
      revisionBefore: 0,
      revisionAfter: revision,
      reason,
      detail: { rules: policy.rules.length },
    })
    const issued = store.tokens.issueAdmin('root', { label: 'made at the first start' })
    if (!issued.ok) throw new ConfigError(`no admin token can be made: ${issued.message}`)
    keepToken(issued.text)
  })
}
