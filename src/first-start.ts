import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mergeDocuments } from './policy/document.js'
import type { Rule } from './policy/rule.js'
import type { Store } from './store/store.js'
import { ConfigError } from './config.js'

/** The rule set that comes with the package: reject all, but for what the demo needs. */
export const packagedPolicyDir = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'policy')

/**
 * Reads the policy documents of a folder, in the order of their names; its subfolders are left
 * alone.
 * @throws ConfigError with every problem of every file, each with its line and column.
 */
export function readPolicyDir(dir: string): readonly Rule[] {
  let names: string[]
  try {
    names = readdirSync(dir).filter(name => /\.ya?ml$/.test(name))
  } catch (error) {
    throw new ConfigError(`the policy folder ${dir} can not be read: ${(error as Error).message}`)
  }
  if (names.length === 0) throw new ConfigError(`the policy folder ${dir} has no .yaml file`)
  names.sort()
  const files = names.map(name => ({
    name: join(dir, name),
    text: readFileSync(join(dir, name), 'utf8'),
  }))
  const document = mergeDocuments(files)
  if (document.ok) return document.rules
  const lines = document.problems.map(
    ({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`,
  )
  throw new ConfigError(lines.join('\n'))
}

/**
 * Fills a store that has no revision yet: the admin's token and the first rules, together or not
 * at all.
 * @param keepToken writes down the admin's token, which is not kept anywhere else; when it throws,
 *   nothing has happened and the next start is the first again.
 */
export function firstStart(
  store: Store,
  rules: readonly Rule[],
  policyDir: string,
  keepToken: (token: string) => void,
): void {
  store.transaction(() => {
    const change = { author: 'first start', reason: `policy read from ${policyDir}` }
    const outcome = store.rules.replaceAll(rules, change)
    if (!outcome.ok) throw new ConfigError(`the policy is refused: ${outcome.message}`)
    store.audit.append({
      actor: 'first start',
      action: 'policy.replace',
      target: 'policy',
      revisionBefore: 0,
      revisionAfter: outcome.revision,
      reason: change.reason,
      detail: { rules: rules.length },
    })
    const issued = store.tokens.issueAdmin('root', { label: 'made at the first start' })
    if (!issued.ok) throw new ConfigError(`no admin token can be made: ${issued.message}`)
    keepToken(issued.text)
  })
}
