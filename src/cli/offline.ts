import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { mergeDocuments } from '../policy/document.js'
import type { Policy } from '../policy/policy.js'
import { formatProblem } from '../policy/policy-problem.js'
import type { End } from '../policy/reach.js'
import { parseSelector } from '../policy/selector.js'
import type { Subject } from '../policy/subject.js'
import { EXIT, errorCode, failed, Failure, usage } from './fail.js'
import { note } from './output.js'
import { readPolicyFiles } from './policy-files.js'
import { printable } from './printable.js'

/** Options of every command that looks at policy files without a daemon. */
export interface OfflineOptions {
  /** A file with the domains and their tags, as `v4v domain ls -o json` prints them. */
  readonly domains?: string
}

/**
 * Reads the policy that files state. A folder stands for the .yaml files right in it, in `sets` and in `tests`.
 * @throws Failure with exit code 3 when something is wrong with them, all of which is printed.
 */
export async function readPolicy(paths: readonly string[]): Promise<Policy> {
  const document = mergeDocuments(await readPolicyFiles(paths))
  if (document.ok) return document
  for (const problem of document.problems) note(printable(formatProblem(problem)))
  const { length } = document.problems
  const message = `${length} ${length === 1 ? 'thing is' : 'things are'} wrong with the policy`
  const answer = { code: 'EINVAL', message, details: document.problems }
  throw new Failure(EXIT.refused, message, { answer })
}

/**
 * Reads what `v4v domain ls -o json` printed; nothing when there is no such file.
 * @throws Failure for one that can't be read or is something else.
 */
export async function readDomains({
  domains: path,
}: OfflineOptions): Promise<Subject[] | undefined> {
  if (path === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw failed(`${path} can't be read: ${errorCode(error) ?? 'it is no JSON'}`)
  }
  const list: unknown = Array.isArray(value)
    ? value
    : (value as { domains?: unknown } | null)?.domains
  if (!Array.isArray(list)) throw wrongDomains(path)
  return list.map((entry: unknown) => {
    const { name, tags = [] } = (entry ?? {}) as { name?: unknown; tags?: unknown }
    const isText = (each: unknown): each is string => typeof each === 'string'
    if (!isText(name) || !Array.isArray(tags) || !tags.every(isText)) throw wrongDomains(path)
    return { name, tags }
  })
}

/** The domain of this name as far as it is known. */
export function subjectOf(name: string, domains: readonly Subject[]): Subject {
  return domains.find(domain => domain.name === name) ?? { name, tags: [] }
}

/**
 * Reads whom `who-can` and `what-can` are asked about: `db`, `db:5432`, `tag:web:*`.
 * @throws Failure with exit code 2.
 */
export function endOf(text: string, domains: readonly Subject[]): End {
  const selector = parseSelector(text.replace(/^tag:/, '').includes(':') ? text : `${text}:*`)
  if (typeof selector === 'string') throw usage(selector)
  const { ports } = selector
  switch (selector.kind) {
    case 'name':
      return { subject: subjectOf(selector.name, domains), ports }
    case 'tag':
      return { subject: { name: '', tags: [selector.tag] }, ports }
    case 'set':
    case 'any':
      throw usage(`${text} is no domain`, 'name one, such as db:5432, or a tag, such as tag:db')
  }
}

/** Adds `--domains`. */
export function withDomains(target: Command): Command {
  return target.option(
    '--domains <file>',
    'the domains and their tags, from "v4v domain ls -o json"',
  )
}

function wrongDomains(path: string): Failure {
  return usage(
    `${path} is not a list of domains with names and tags`,
    'make it with "v4v domain ls -o json"',
  )
}
