import type { Place, Policy, PolicyTest } from './policy.js'
import { diffRules, type RuleChange } from './rule-diff.js'
import { formatSetElement } from './set-element.js'
import { formatTestEnd } from './test-text.js'

/** What of a policy changes and has a name. A test is called after the datagram it is about. */
export type Part = 'rule' | 'set' | 'tag' | 'test'

/** What became of a set, a tag or a test. */
export interface NamedChange {
  readonly part: Exclude<Part, 'rule'>
  readonly kind: 'added' | 'removed' | 'changed'
  readonly id: string
  /** What it said and says; of a changed set or tag only what is not in both. */
  readonly before?: string
  readonly after?: string
}

/** What became of a part of a policy, and where it stands then. */
export type PartChange = ((RuleChange & { readonly part: 'rule' }) | NamedChange) & {
  readonly place?: Place
}

/** What goes by one name: a set, a tag, or the tests that are about the same datagram. */
export interface NamedPart<T> {
  readonly id: string
  readonly items: readonly T[]
  /** What it says, in any order. */
  readonly words: readonly string[]
}

/** The sets, tags or tests of a policy by their names, in their order. */
export type NamedParts<T> = ReadonlyMap<string, NamedPart<T>>

/** What the kinds of parts without an order are called in a policy, and how they are read. */
export const NAMED_PARTS = {
  set: ({ sets }: Policy) =>
    named(
      sets,
      ({ name }) => `@${name}`,
      ({ elements }) => elements.map(formatSetElement),
    ),
  tag: ({ tags }: Policy) =>
    named(
      tags,
      ({ tag }) => `tag:${tag}`,
      ({ domains }) => domains,
    ),
  test: ({ tests }: Policy) => named(tests, datagramOf, test => [outcomeOf(test)]),
} as const

/** What tells two policies apart, part by part: rules first, then sets, tags and tests. */
export function diffParts(before: Policy, after: Policy): PartChange[] {
  const places = new Map(after.rules.map(({ id, place }) => [id, place]))
  const rules = diffRules(before.rules, after.rules).map((change): PartChange => {
    const place = change.kind === 'removed' ? undefined : places.get(change.id)
    return { part: 'rule', ...change, ...(place !== undefined && { place }) }
  })
  return [
    ...rules,
    ...diffNamed('set', NAMED_PARTS.set(before), NAMED_PARTS.set(after)),
    ...diffNamed('tag', NAMED_PARTS.tag(before), NAMED_PARTS.tag(after)),
    ...diffNamed('test', NAMED_PARTS.test(before), NAMED_PARTS.test(after)),
  ]
}

/** True when both say the same; one that is missing says nothing. */
export function isSamePart(
  a: NamedPart<unknown> | undefined,
  b: NamedPart<unknown> | undefined,
): boolean {
  return a === undefined || b === undefined ? a === b : sortedText(a) === sortedText(b)
}

function diffNamed<T extends { readonly place?: Place | undefined }>(
  part: NamedChange['part'],
  before: NamedParts<T>,
  after: NamedParts<T>,
): PartChange[] {
  const changes: PartChange[] = []
  for (const [id, old] of before) {
    if (!after.has(id)) changes.push({ part, kind: 'removed', id, before: textOf(old) })
  }
  for (const [id, young] of after) {
    const old = before.get(id)
    if (isSamePart(old, young)) continue
    const place = young.items[0]?.place
    const at = place === undefined ? {} : { place }
    if (old === undefined) {
      changes.push({ part, kind: 'added', id, after: textOf(young), ...at })
    } else {
      const [gone, come] = [rest(old.words, young.words), rest(young.words, old.words)]
      changes.push({ part, kind: 'changed', id, before: gone, after: come, ...at })
    }
  }
  return changes
}

function named<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  wordsOf: (item: T) => readonly string[],
): NamedParts<T> {
  const parts = new Map<string, { id: string; items: T[]; words: string[] }>()
  for (const item of items) {
    const id = idOf(item)
    const part = parts.get(id)
    if (part === undefined) parts.set(id, { id, items: [item], words: [...wordsOf(item)] })
    else {
      part.items.push(item)
      part.words.push(...wordsOf(item))
    }
  }
  return parts
}

function textOf({ words }: NamedPart<unknown>): string {
  return words.join(', ')
}

function sortedText({ words }: NamedPart<unknown>): string {
  return [...words].sort().join(', ')
}

function rest(words: readonly string[], without: readonly string[]): string {
  const known = new Set(without)
  return words.filter(word => !known.has(word)).join(', ')
}

function datagramOf({ from, to, type, bytes }: PolicyTest): string {
  const kind = type === undefined ? '' : ` type ${type}`
  const size = bytes === undefined ? '' : ` bytes ${bytes}`
  return `${formatTestEnd(from)} -> ${formatTestEnd(to)}${kind}${size}`
}

function outcomeOf({ expect, rule }: PolicyTest): string {
  return rule === undefined ? expect : `${expect} by ${rule}`
}
