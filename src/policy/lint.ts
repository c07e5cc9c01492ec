import { CONTROL_NAME, quote } from '../abi/addr.js'
import { findCovered, type Covered } from './lint-cover.js'
import type { Decisions } from './pair-rules.js'
import { placeOf } from './places.js'
import type { Place, SetElement } from './policy.js'
import { intersect } from './port-regions.js'
import { lets, type Rule } from './rule.js'
import {
  ALL_PORTS,
  formatSelector,
  isExpired,
  type NameSelector,
  type Selector,
  type TagSelector,
} from './selector.js'
import { formatSetElement } from './set-element.js'
import type { Subject } from './subject.js'
import { formatTime } from './time-text.js'

/** What lint looks for, and how bad it is: an error can't be meant, a note may well be. */
export const LINT_SEVERITIES = {
  'undefined-set': 'error',
  duplicate: 'warning',
  shadowed: 'warning',
  unreachable: 'warning',
  'wildcard-to-admin': 'warning',
  expired: 'warning',
  'empty-set': 'warning',
  'undefined-tag': 'warning',
  'undefined-domain': 'warning',
  overlap: 'note',
  'never-hit': 'note',
  unused: 'note',
  'no-comment': 'note',
} as const
export type LintCode = keyof typeof LINT_SEVERITIES

/** Something about a policy that is probably not meant. */
export interface LintFinding {
  readonly code: LintCode
  readonly severity: 'error' | 'warning' | 'note'
  /** The id of the rule, or the name of the set or tag, that it is about. */
  readonly about: string
  readonly place?: Place | undefined
  readonly message: string
}

/** What lint is told besides the policy. */
export interface LintOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** All domains with their own tags; without them no domain and no tag is called unknown. */
  readonly domains?: readonly Subject[] | undefined
  /** How often each rule, by id, has decided; without it no rule is called never hit. */
  readonly hits?: ReadonlyMap<string, number> | undefined
  /** When rules, by id, decided last, and for how long one may not before it is called unused. */
  readonly unused?:
    { readonly forMs: number; readonly lastHits: ReadonlyMap<string, number> } | undefined
  /** Ends that nobody should reach by a wildcard; the control domain always is one. */
  readonly admin?: readonly (NameSelector | TagSelector)[] | undefined
  /** True to ask for a comment on every rule. */
  readonly comments?: boolean | undefined
}

const CONTROL: NameSelector = { kind: 'name', name: CONTROL_NAME, ports: ALL_PORTS }

/** Looks for what is probably not meant; in the order of the rules, then of the sets and tags. */
export function lint(policy: Decisions, options: LintOptions): LintFinding[] {
  const findings: LintFinding[] = []
  const report = (
    code: LintCode,
    about: string,
    place: Place | undefined,
    message: string,
  ): void => {
    const severity = LINT_SEVERITIES[code]
    findings.push({ code, severity, about, ...(place !== undefined && { place }), message })
  }
  const covered = findCovered(policy, options.domains ?? [], options.now)
  const names = new NameCheck(policy, options)
  for (const rule of policy.rules) {
    const of = (code: LintCode, message: string): void => {
      report(code, rule.id, rule.place, message)
    }
    if (isExpired(rule, options.now)) {
      of('expired', `it matches nothing any more: it expired at ${formatTime(rule.expires!)}`)
    }
    const found = covered.get(rule)
    if (found !== undefined) of(found.code, coverMessage(found))
    for (const selector of [rule.source, rule.destination]) {
      for (const [code, message] of names.problems(selector)) of(code, message)
    }
    const admin = adminProblem(rule, [CONTROL, ...(options.admin ?? [])])
    if (admin !== undefined) of('wildcard-to-admin', admin)
    if (options.hits !== undefined && (options.hits.get(rule.id) ?? 0) === 0) {
      of('never-hit', 'it has never decided about a datagram')
    }
    const last = options.unused?.lastHits.get(rule.id)
    if (last !== undefined && options.now - last >= options.unused!.forMs) {
      of('unused', `it has not decided about a datagram since ${formatTime(last)}`)
    }
    if (options.comments === true && rule.comment === '') of('no-comment', 'it has no comment')
  }
  const used = usedSets(policy.rules)
  for (const { name, elements, place } of policy.sets) {
    const empty = emptyProblem(elements, used.has(name), options.now)
    if (empty !== undefined) report('empty-set', name, place, `the set ${quote(name)} is ${empty}`)
    for (const element of elements) {
      if (isExpired(element, options.now)) {
        report('expired', name, place, `its element ${quote(formatSetElement(element))} is no more`)
      }
      for (const [code, message] of names.problems(element)) report(code, name, place, message)
    }
  }
  for (const { tag, domains, place } of policy.tags) {
    for (const name of domains) {
      const selector = { kind: 'name', name, ports: ALL_PORTS } as const
      for (const [code, message] of names.problems(selector)) report(code, tag, place, message)
    }
  }
  return findings
}

/** Says whether what a selector names is there. */
class NameCheck {
  readonly #sets: ReadonlySet<string>
  readonly #tags: ReadonlySet<string> | undefined
  readonly #domains: ReadonlySet<string> | undefined

  constructor({ sets, tags }: Decisions, { domains }: LintOptions) {
    this.#sets = new Set(sets.map(({ name }) => name))
    if (domains === undefined) return
    this.#domains = new Set([CONTROL_NAME, ...domains.map(({ name }) => name)])
    const given = tags.map(({ tag }) => tag)
    this.#tags = new Set([...given, ...domains.flatMap(domain => domain.tags)])
  }

  problems(selector: Selector): (readonly [LintCode, string])[] {
    switch (selector.kind) {
      case 'any':
        return []
      case 'set':
        if (this.#sets.has(selector.set)) return []
        return [['undefined-set', `there is no set ${quote(selector.set)}`]]
      case 'tag':
        if (this.#tags?.has(selector.tag) !== false) return []
        return [['undefined-tag', `no domain has the tag ${quote(selector.tag)}`]]
      case 'name':
        if (this.#domains?.has(selector.name) !== false) return []
        return [['undefined-domain', `there is no domain ${quote(selector.name)}`]]
    }
  }
}

function usedSets(rules: readonly Rule[]): ReadonlySet<string> {
  const used = new Set<string>()
  for (const { source, destination } of rules) {
    for (const selector of [source, destination]) {
      if (selector.kind === 'set') used.add(selector.set)
    }
  }
  return used
}

/** A set that is stated as [] and that rules name is filled while the daemon runs: it is meant so. */
function emptyProblem(
  elements: readonly SetElement[],
  isUsed: boolean,
  now: number,
): string | undefined {
  if (elements.length === 0) return isUsed ? undefined : 'empty, and no rule names it'
  const areAllOver = elements.every(element => isExpired(element, now))
  return areAllOver ? 'empty: all of its elements have expired' : undefined
}

function coverMessage({ code, by, text }: Covered): string {
  const rules = `${by.length === 1 ? 'rule' : 'rules'} ${by.join(', ')}`
  switch (code) {
    case 'duplicate':
      return `it says the same as ${rules}`
    case 'shadowed':
      return `it never decides: ${rules} comes first for everything it speaks of`
    case 'unreachable':
      return `it never decides: ${rules} together come first for everything it speaks of`
    case 'overlap':
      return `${rules} comes first for a part of it and says the opposite: ${text}`
  }
}

/** Says which endpoint for admins a rule opens by a wildcard. */
function adminProblem(
  rule: Rule,
  admin: readonly (NameSelector | TagSelector)[],
): string | undefined {
  if (!lets(rule.action)) return undefined
  const ways: [Selector, Selector][] = [[rule.source, rule.destination]]
  if (rule.replies) ways.push([rule.destination, rule.source])
  for (const [source, destination] of ways) {
    for (const end of admin) {
      const isWild = destination.kind === 'any' && placeOf(end) !== CONTROL_NAME
      const isThere = isWild || placeOf(destination) === placeOf(end)
      if (!isThere || (source.kind !== 'any' && !isWild)) continue
      if (intersect(destination.ports, end.ports) === undefined) continue
      const who = source.kind === 'any' ? 'every domain' : formatSelector(source)
      return `it lets ${who} reach ${formatSelector(end)}, which is for admins: name who and what`
    }
  }
  return undefined
}
