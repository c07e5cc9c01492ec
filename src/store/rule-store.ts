import { createHash } from 'node:crypto'
import { quote } from '../abi/addr.js'
import type { ErrorCode } from '../abi/errno.js'
import { ruleProblem, type Rule, type RuleBody } from '../policy/rule.js'
import { parseAction, parseRuleType } from '../policy/rule-text.js'
import { formatSelector, parseSelector, type Selector } from '../policy/selector.js'
import type { Clock } from '../util/clock.js'
import type { CounterStore } from './counter-store.js'
import type { Database, Statement } from './database.js'
import type { StoreLimits } from './limits.js'
import { refuse, type Refusal } from './refusal.js'
import { Sequence } from './sequence.js'
import { damaged } from './store-error.js'

/** A rule as it is kept. */
export interface StoredRule extends Rule {
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number
}

/** A rule to be added; without an id it gets the next of r1, r2, r3 and so on. */
export type NewRule = RuleBody & { readonly id?: string | undefined }

/** What can be changed of a rule; what is left out stays. */
export type RulePatch = { readonly [Field in keyof RuleBody]?: RuleBody[Field] | undefined }

/** Who changes the rules and why. */
export interface Change {
  readonly author: string
  readonly reason: string
  /** Refuse with ESTALE unless this is still the revision in force. */
  readonly ifRevision?: number | undefined
}

/** A change that was made. */
export interface RulesChanged {
  readonly ok: true
  /** The revision in force from now on. */
  readonly revision: number
}

/** A change that was made to one rule. */
export interface RuleChanged extends RulesChanged {
  /** Its id. */
  readonly id: string
}

/** All rules in the order of their positions, and the revision they are. */
export interface RuleTable {
  /** Counted from 1; 0 for the empty table before any change. */
  readonly revision: number
  readonly rules: readonly StoredRule[]
}

/** What a revision is, without its rules. */
export interface RevisionInfo {
  readonly revision: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly author: string
  readonly reason: string
  /** SHA-256 of its rules, in hex. */
  readonly hash: string
}

export interface Revision extends RevisionInfo {
  readonly rules: readonly StoredRule[]
}

/**
 * A row of the table and, in JSON, an element of a revision's list. A column added later has to be
 * left out of the JSON where it is NULL: else the hashes of older revisions no longer fit.
 */
interface RuleRow {
  readonly id: string
  readonly action: string
  readonly source: string
  readonly destination: string
  readonly type: string
  readonly replies: number
  readonly comment: string
  readonly createdAt: number
}

interface RevisionRow {
  readonly revision: number
  readonly at: number
  readonly author: string
  readonly reason: string
  readonly hash: Uint8Array
}

type RuleValues = [
  action: string,
  source: string,
  destination: string,
  type: string,
  replies: number,
  comment: string,
]

const revisionColumns = 'revision, at, author, reason, hash'
const numberedPattern = /^r([1-9][0-9]*)$/
/** So far ids such as r7 count up, which is far more than will ever be needed. */
const NUMBER_MAX = 999_999_999_999_999

/**
 * The ordered rules and their history. Every change is one transaction that makes
 * a new revision; a change that is refused makes none.
 */
export class RuleStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #limits: StoreLimits
  readonly #numbers: Sequence
  readonly #rows: Statement<[], RuleRow>
  readonly #row: Statement<[string], RuleRow & { readonly position: number }>
  readonly #count: Statement<[], { count: number }>
  readonly #insert: Statement<[...RuleValues, id: string, position: number, at: number], never>
  readonly #update: Statement<[...RuleValues, id: string], never>
  readonly #place: Statement<[number, string], never>
  readonly #shift: Statement<[by: number, from: number, to: number], never>
  readonly #delete: Statement<[string], never>
  readonly #deleteAll: Statement<[], never>
  readonly #head: Statement<[], RevisionRow>
  readonly #revision: Statement<[number], RevisionRow & { readonly rules: string }>
  readonly #revisionsBefore: Statement<[number, number], RevisionRow>
  readonly #insertRevision: Statement<
    [revision: number, at: number, author: string, reason: string, hash: Uint8Array, rules: string],
    never
  >
  readonly #counters: CounterStore
  readonly #dropRevisions: Statement<[newest: number, keep: number, bytes: number], never>

  constructor(db: Database, clock: Clock, limits: StoreLimits, counters: CounterStore) {
    this.#db = db
    this.#counters = counters
    this.#clock = clock
    this.#limits = limits
    this.#numbers = new Sequence(db, 'rule')
    const columns = 'id, action, source, destination, type, replies, comment'
    this.#rows = db.prepare(
      `SELECT ${columns}, created_at AS createdAt FROM rules ORDER BY position`,
    )
    this.#row = db.prepare(
      `SELECT ${columns}, created_at AS createdAt, position FROM rules WHERE id = ?`,
    )
    this.#count = db.prepare('SELECT count(*) AS count FROM rules')
    this.#insert = db.prepare(
      `INSERT INTO rules (action, source, destination, type, replies, comment, id, position, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#update = db.prepare(
      `UPDATE rules SET action = ?, source = ?, destination = ?, type = ?, replies = ?, comment = ?
       WHERE id = ?`,
    )
    this.#place = db.prepare('UPDATE rules SET position = ? WHERE id = ?')
    this.#shift = db.prepare(
      'UPDATE rules SET position = position + ? WHERE position BETWEEN ? AND ?',
    )
    this.#delete = db.prepare('DELETE FROM rules WHERE id = ?')
    this.#deleteAll = db.prepare('DELETE FROM rules')
    this.#head = db.prepare(
      `SELECT ${revisionColumns} FROM revisions ORDER BY revision DESC LIMIT 1`,
    )
    this.#revision = db.prepare(
      `SELECT ${revisionColumns}, rules FROM revisions WHERE revision = ?`,
    )
    this.#revisionsBefore = db.prepare(
      `SELECT ${revisionColumns} FROM revisions WHERE revision < ? ORDER BY revision DESC LIMIT ?`,
    )
    this.#insertRevision = db.prepare(
      'INSERT INTO revisions (revision, at, author, reason, hash, rules) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#dropRevisions = db.prepare(
      `DELETE FROM revisions WHERE revision < ? AND revision IN (
         SELECT revision FROM (
           SELECT revision, row_number() OVER newer AS place,
             sum(octet_length(rules)) OVER newer AS bytes
           FROM revisions WINDOW newer AS (ORDER BY revision DESC))
         WHERE place > ? OR bytes > ?)`,
    )
  }

  /**
   * The table in force.
   * @throws StoreError 'corrupt' when the rules are not those of the newest revision, or one says
   *   what this version does not understand: then there is no table to enforce.
   */
  load(): RuleTable {
    return this.#db.transaction(() => {
      const rows = this.#rows.all()
      const head = this.#head.get()
      const hash = hashOf(JSON.stringify(rows))
      if (head === undefined ? rows.length > 0 : !hash.equals(head.hash)) {
        const revision = head?.revision ?? 0
        throw damaged(this.#db.path, `the rules are not those of revision ${revision}`)
      }
      return { revision: head?.revision ?? 0, rules: this.#rulesOf(rows) }
    })
  }

  /** The number of the revision in force; 0 before the first change. */
  currentRevision(): number {
    return this.#head.get()?.revision ?? 0
  }

  /**
   * Adds a rule.
   * @param position its place, from 1 to one more than there are rules; the rules from there on
   *   move down. At the end when left out.
   * @returns the revision and the rule's id; EINVAL for a rule or a position that can't be, EEXIST
   *   for an id that is taken, ENOSPC at the limit of rules, ESTALE.
   */
  insert(
    rule: NewRule,
    position: number | undefined,
    change: Change,
  ): RuleChanged | Refusal<'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ESTALE'> {
    return this.#change(change, () => {
      const count = this.#countAll()
      if (count >= this.#limits.rulesMax) return this.#tooMany(count + 1)
      const place = position ?? count + 1
      const misplaced = refusePosition(place, count + 1)
      if (misplaced !== undefined) return misplaced
      if (rule.id !== undefined && this.#row.get(rule.id) !== undefined) return taken(rule.id)
      const id = rule.id ?? `r${this.#numbers.last() + 1}`
      const named = { ...rule, id }
      const refusal = refuseRule(named)
      if (refusal !== undefined) return refusal
      this.#numbers.raise(numberOf(id))
      this.#shift.run(1, place, count)
      this.#insert.run(...valuesOf(named), id, place, this.#clock.now())
      return { ok: true, id }
    })
  }

  /**
   * Changes what a rule says; its id and position stay.
   * @returns the revision; ENOENT for an unknown id, EINVAL when the rule could not be so, ESTALE.
   */
  update(
    id: string,
    patch: RulePatch,
    change: Change,
  ): RuleChanged | Refusal<'ENOENT' | 'EINVAL' | 'ESTALE'> {
    return this.#change(change, () => {
      const row = this.#row.get(id)
      if (row === undefined) return unknownRule(id)
      const rule = this.#ruleOf(row)
      const patched: Rule = {
        id,
        action: patch.action ?? rule.action,
        source: patch.source ?? rule.source,
        destination: patch.destination ?? rule.destination,
        type: patch.type ?? rule.type,
        replies: patch.replies ?? rule.replies,
        comment: patch.comment ?? rule.comment,
      }
      const refusal = refuseRule(patched)
      if (refusal !== undefined) return refusal
      this.#update.run(...valuesOf(patched), id)
      return { ok: true, id }
    })
  }

  /**
   * Removes a rule and its counters; the rules behind it move up.
   * @returns the revision; ENOENT for an unknown id, ESTALE.
   */
  remove(id: string, change: Change): RuleChanged | Refusal<'ENOENT' | 'ESTALE'> {
    return this.#change(change, () => {
      const row = this.#row.get(id)
      if (row === undefined) return unknownRule(id)
      this.#delete.run(id)
      this.#shift.run(-1, row.position + 1, Number.MAX_SAFE_INTEGER)
      this.#counters.dropGone()
      return { ok: true, id }
    })
  }

  /**
   * Gives a rule another place; the rules between its old place and its new one make way.
   * @param position from 1 to the number of rules.
   * @returns the revision; ENOENT for an unknown id, EINVAL for a place that isn't, ESTALE.
   */
  move(
    id: string,
    position: number,
    change: Change,
  ): RuleChanged | Refusal<'ENOENT' | 'EINVAL' | 'ESTALE'> {
    return this.#change(change, () => {
      const row = this.#row.get(id)
      if (row === undefined) return unknownRule(id)
      const misplaced = refusePosition(position, this.#countAll())
      if (misplaced !== undefined) return misplaced
      if (position < row.position) this.#shift.run(1, position, row.position - 1)
      else this.#shift.run(-1, row.position + 1, position)
      this.#place.run(position, id)
      return { ok: true, id }
    })
  }

  /**
   * Replaces all rules. One that keeps its id keeps its counters and the time it was added.
   * @returns the revision; EINVAL for a rule that can't be, EEXIST for an id that is there twice,
   *   ENOSPC above the limit of rules, ESTALE.
   */
  replaceAll(
    rules: readonly NewRule[],
    change: Change,
  ): RulesChanged | Refusal<'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ESTALE'> {
    return this.#change(change, () => {
      if (rules.length > this.#limits.rulesMax) return this.#tooMany(rules.length)
      const named = this.#named(rules)
      const ids = new Set<string>()
      for (const [index, rule] of named.entries()) {
        if (ids.has(rule.id)) return taken(rule.id)
        ids.add(rule.id)
        const refusal = refuseRule(rule)
        if (refusal !== undefined) return refuse('EINVAL', `rule ${index + 1}: ${refusal.message}`)
      }
      this.#replace(named)
      return { ok: true }
    })
  }

  /**
   * Removes all rules, so that everything is rejected.
   * @returns the revision; ESTALE.
   */
  flush(change: Change): RulesChanged | Refusal<'ESTALE'> {
    return this.#change(change, () => {
      this.#deleteAll.run()
      this.#counters.dropGone()
      return { ok: true }
    })
  }

  /**
   * Revisions from the newest back.
   * @param limit how many at most, from 1.
   * @param before only revisions older than this one.
   */
  history(limit: number, before: number = Number.MAX_SAFE_INTEGER): RevisionInfo[] {
    return this.#revisionsBefore.all(before, limit).map(infoOf)
  }

  /**
   * A revision with its rules, if it is still kept.
   * @throws StoreError 'corrupt' when its rules do not fit its hash.
   */
  revision(revision: number): Revision | undefined {
    const row = this.#revision.get(revision)
    if (row === undefined) return undefined
    if (!hashOf(row.rules).equals(row.hash)) {
      throw damaged(this.#db.path, `the rules of revision ${revision} do not fit its hash`)
    }
    return { ...infoOf(row), rules: this.#rulesOf(JSON.parse(row.rules) as RuleRow[]) }
  }

  // Runs an edit and, unless it refused, records what the rules are now as the next revision. An
  // edit refuses before it writes.
  #change<Edited extends { ok: true }, Code extends ErrorCode>(
    change: Change,
    edit: () => Edited | Refusal<Code>,
  ): (Edited & RulesChanged) | Refusal<Code | 'ESTALE'> {
    return this.#db.transaction(() => {
      const current = this.currentRevision()
      const { author, reason, ifRevision = current } = change
      if (ifRevision !== current) {
        return refuse('ESTALE', `the policy is at revision ${current}, no longer at ${ifRevision}`)
      }
      const edited = edit()
      if (!edited.ok) return edited
      const revision = current + 1
      const rules = JSON.stringify(this.#rows.all())
      const now = this.#clock.now()
      this.#insertRevision.run(revision, now, author, reason, hashOf(rules), rules)
      const { revisionsMax, revisionBytesMax } = this.#limits
      this.#dropRevisions.run(revision, revisionsMax, revisionBytesMax)
      return { ...edited, revision }
    })
  }

  #replace(rules: readonly Rule[]): void {
    const createdAt = new Map(this.#rows.all().map(row => [row.id, row.createdAt]))
    const now = this.#clock.now()
    this.#deleteAll.run()
    let last = 0
    for (const [index, rule] of rules.entries()) {
      this.#insert.run(...valuesOf(rule), rule.id, index + 1, createdAt.get(rule.id) ?? now)
      last = Math.max(last, numberOf(rule.id))
    }
    this.#numbers.raise(last)
    this.#counters.dropGone()
  }

  // Gives an id to those that have none: a number above all that were ever seen, those that come
  // later in the list included.
  #named(rules: readonly NewRule[]): Rule[] {
    let last = this.#numbers.last()
    for (const { id } of rules) if (id !== undefined) last = Math.max(last, numberOf(id))
    return rules.map(rule => ({ ...rule, id: rule.id ?? `r${++last}` }))
  }

  #countAll(): number {
    return this.#count.get()?.count ?? 0
  }

  #tooMany(count: number): Refusal<'ENOSPC'> {
    return refuse('ENOSPC', `${count} rules are more than the limit of ${this.#limits.rulesMax}`)
  }

  #rulesOf(rows: readonly RuleRow[]): StoredRule[] {
    return rows.map(row => this.#ruleOf(row))
  }

  #ruleOf(row: RuleRow): StoredRule {
    const action = parseAction(row.action)
    const source = parseSelector(row.source)
    const destination = parseSelector(row.destination)
    const type = parseRuleType(row.type)
    if (
      action === undefined ||
      type === undefined ||
      typeof source === 'string' ||
      typeof destination === 'string'
    ) {
      const text = `${row.action} ${row.source} -> ${row.destination} type ${row.type}`
      throw damaged(this.#db.path, `rule ${quote(row.id)} can't be read: ${quote(text)}`)
    }
    const { id, comment, createdAt } = row
    const replies = row.replies === 1
    return { id, action, source, destination, type, replies, comment, createdAt }
  }
}

/** The number in an id such as r7; 0 for other ids. */
function numberOf(id: string): number {
  return Number(numberedPattern.exec(id)?.[1] ?? 0)
}

function numberProblem(id: string): string | undefined {
  if (numberOf(id) <= NUMBER_MAX) return undefined
  return `ids such as r7 count up to r${NUMBER_MAX}, so ${quote(id)} is too high: choose another`
}

function refuseRule(rule: Rule): Refusal<'EINVAL'> | undefined {
  const problem =
    ruleProblem(rule) ??
    numberProblem(rule.id) ??
    selectorProblem(rule.source) ??
    selectorProblem(rule.destination)
  return problem === undefined ? undefined : refuse('EINVAL', problem)
}

// Only what reads back as what it is may be written: anything else would make the table unreadable.
function selectorProblem(selector: Selector): string | undefined {
  const text = formatSelector(selector)
  const read = parseSelector(text)
  if (typeof read === 'string') return read
  if (read.kind === selector.kind) return undefined
  return `${quote(text)} does not mean a ${selector.kind}`
}

function refusePosition(position: number, max: number): Refusal<'EINVAL'> | undefined {
  if (Number.isInteger(position) && position >= 1 && position <= max) return undefined
  return refuse('EINVAL', `there is no position ${position}: it is a number from 1 to ${max}`)
}

function taken(id: string): Refusal<'EEXIST'> {
  return refuse('EEXIST', `two rules can't both be called ${quote(id)}`)
}

function unknownRule(id: string): Refusal<'ENOENT'> {
  return refuse('ENOENT', `there is no rule ${quote(id)}`)
}

function valuesOf(rule: Rule): RuleValues {
  return [
    rule.action,
    formatSelector(rule.source),
    formatSelector(rule.destination),
    rule.type,
    rule.replies ? 1 : 0,
    rule.comment,
  ]
}

function infoOf({ revision, at, author, reason, hash }: RevisionRow): RevisionInfo {
  return { revision, at, author, reason, hash: Buffer.from(hash).toString('hex') }
}

function hashOf(rules: string): Buffer {
  return createHash('sha256').update(rules).digest()
}
