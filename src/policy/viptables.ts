import {
  CONTROL_NAME,
  DOMID_ANY,
  DOMID_CONTROL,
  domainNameProblem,
  parseDomainId,
  parsePort,
  PORT_ANY,
  quote,
  type DomainId,
} from '../abi/addr.js'
import type { Action, Rule, RuleBody } from './rule.js'
import { formatRule } from './rule-text.js'
import {
  ALL_PORTS,
  equalSelectors,
  formatSelector,
  type PortRange,
  type Selector,
} from './selector.js'

/**
 * The table as the users of V4V's `viptables` know it: a numbered list of rules with four fields,
 * each a value or anything, and ACCEPT or REJECT. What differs from V4V: nothing matched means
 * reject, `-D` of something that is not there is an error, `-D` by rule compares the verdict too,
 * and `*` does not mean the control domain.
 */
export type ViptablesCommand =
  | { readonly kind: 'append'; readonly rule: RuleBody }
  | { readonly kind: 'insert'; readonly position: number; readonly rule: RuleBody }
  | { readonly kind: 'delete-position'; readonly position: number }
  | { readonly kind: 'delete-rule'; readonly rule: RuleBody }
  | { readonly kind: 'list' }
  | { readonly kind: 'flush' }

/** What a command does to a list of rules. */
export type ViptablesChange =
  | { readonly kind: 'none' }
  /** The rule goes in front of what is at `position` now, or behind the last rule. */
  | { readonly kind: 'insert'; readonly position: number; readonly rule: RuleBody }
  /** The rules to remove, by id, in the order of the list. */
  | { readonly kind: 'remove'; readonly ids: readonly string[] }

/** Finds the name of a domain by its number; undefined when there is no such domain. */
export type NameOf = (domain: DomainId) => string | undefined

/** An option's letter, its long name, and whether a value follows. */
interface Option {
  readonly letter: string
  readonly word: string
  readonly value: 'none' | 'needed' | 'allowed'
}

/** What an option was given; `value` is empty when there was none. */
interface Given {
  readonly option: Option
  readonly value: string
}

const options: readonly Option[] = [
  { letter: '-A', word: '--append', value: 'none' },
  { letter: '-I', word: '--insert', value: 'needed' },
  { letter: '-D', word: '--delete', value: 'allowed' },
  { letter: '-L', word: '--list', value: 'none' },
  { letter: '-F', word: '--flush', value: 'none' },
  { letter: '-d', word: '--dom-in', value: 'needed' },
  { letter: '-e', word: '--dom-out', value: 'needed' },
  { letter: '-p', word: '--port-in', value: 'needed' },
  { letter: '-q', word: '--port-out', value: 'needed' },
  { letter: '-j', word: '--jump', value: 'needed' },
]
const OPERATIONS = '-A, -I, -D, -L or -F'
const OPERATION_LETTERS = new Set(['-A', '-I', '-D', '-L', '-F'])

const positionPattern = /^[0-9]{1,9}$/

/**
 * Reads the arguments of `v4v viptables`: one of `-A`, `-I n`, `-D n`, `-D` with a rule, `-L` and
 * `-F`; a rule is `-d` and `-p` (domain and port it comes from), `-e` and `-q` (domain and port it
 * goes to), each of them anything when left out, and `-j ACCEPT|REJECT`.
 * @param nameOf turns a domain's number into the name that the rule is bound to.
 * @returns the command, or a sentence that says what is wrong.
 */
export function parseViptables(args: readonly string[], nameOf: NameOf): ViptablesCommand | string {
  const given = readOptions(args)
  if (typeof given === 'string') return given
  const operations = [...given.keys()].filter(letter => OPERATION_LETTERS.has(letter))
  const [operation, second] = operations
  if (operation === undefined) return `say what to do: ${OPERATIONS}`
  if (second !== undefined) return `${operation} and ${second} exclude each other`
  const value = given.get(operation)!
  const hasRule = given.size > 1

  switch (operation) {
    case '-L':
    case '-F':
      if (hasRule) return `${operation} stands alone: it takes no rule`
      return { kind: operation === '-L' ? 'list' : 'flush' }
    case '-D': {
      if (value === '') {
        if (!hasRule) return '-D needs the position of a rule, or the rule itself'
        const rule = readRule(given, nameOf)
        return typeof rule === 'string' ? rule : { kind: 'delete-rule', rule }
      }
      if (hasRule) return '-D takes a position or a rule, not both'
      const position = readPosition(operation, value)
      return typeof position === 'string' ? position : { kind: 'delete-position', position }
    }
    case '-I': {
      const position = readPosition(operation, value)
      if (typeof position === 'string') return position
      const rule = readRule(given, nameOf)
      return typeof rule === 'string' ? rule : { kind: 'insert', position, rule }
    }
    default: {
      const rule = readRule(given, nameOf)
      return typeof rule === 'string' ? rule : { kind: 'append', rule }
    }
  }
}

/**
 * Says what a command changes in these rules.
 * @returns the change, or a sentence that says why there is none to make.
 */
export function viptablesChange(
  command: ViptablesCommand,
  rules: readonly Rule[],
): ViptablesChange | string {
  switch (command.kind) {
    case 'list':
      return { kind: 'none' }
    case 'append':
      return { kind: 'insert', position: rules.length + 1, rule: command.rule }
    case 'insert': {
      const position = Math.min(command.position, rules.length + 1)
      return { kind: 'insert', position, rule: command.rule }
    }
    case 'delete-position': {
      const rule = rules[command.position - 1]
      if (rule !== undefined) return { kind: 'remove', ids: [rule.id] }
      const count = rules.length === 1 ? 'one rule' : `${rules.length} rules`
      return `there is no rule ${command.position}: the table has ${count}`
    }
    case 'delete-rule': {
      const rule = rules.find(candidate => isSame(candidate, command.rule))
      if (rule !== undefined) return { kind: 'remove', ids: [rule.id] }
      return `no rule is the same as ${classicText(command.rule)}`
    }
    case 'flush':
      return { kind: 'remove', ids: rules.map(rule => rule.id) }
  }
}

/**
 * The listing, a line for each rule: `1 : ACCEPT web:* -> db:5432`. A rule that viptables could
 * not say is shown in brackets and in the words of this policy instead:
 * `2 : [drop tag:web:* -> db:1-99]`.
 */
export function formatViptables(rules: readonly Rule[]): readonly string[] {
  return rules.map((rule, index) => {
    const text = isClassic(rule) ? classicText(rule) : `[${formatRule({ ...rule, comment: '' })}]`
    return `${index + 1} : ${text}`
  })
}

/** Each option's value by its letter. */
function readOptions(args: readonly string[]): Map<string, string> | string {
  const given = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const found = readOption(args[i]!)
    if (typeof found === 'string') return found
    const { option } = found
    let { value } = found
    const next = args[i + 1]
    if (option.value !== 'none' && value === '' && next !== undefined && !next.startsWith('-')) {
      value = next
      i++
    }
    if (option.value === 'needed' && value === '') return `${option.letter} needs a value`
    if (given.has(option.letter)) return `${option.letter} is given twice`
    given.set(option.letter, value)
  }
  return given
}

/** Reads `-I`, `-I3`, `--insert` or `--insert=3`. */
function readOption(arg: string): Given | string {
  const isWord = arg.startsWith('--')
  const equals = arg.indexOf('=')
  const end = isWord ? (equals < 0 ? arg.length : equals) : 2
  const name = arg.slice(0, end)
  const option = options.find(({ letter, word }) => name === (isWord ? word : letter))
  if (option === undefined) return `${quote(arg)} is not an option of viptables`
  const value = arg.slice(isWord ? end + 1 : end)
  if (value !== '' && option.value === 'none') {
    return `${option.letter} takes no value, not ${quote(value)}`
  }
  return { option, value }
}

function readPosition(operation: string, text: string): number | string {
  const position = positionPattern.test(text) ? Number(text) : 0
  if (position > 0) return position
  return `${operation} takes a position, counted from 1, not ${quote(text)}`
}

function readRule(given: ReadonlyMap<string, string>, nameOf: NameOf): RuleBody | string {
  const action = parseVerdict(given.get('-j'))
  if (action === undefined) return 'a rule needs -j ACCEPT or -j REJECT'
  const source = readSide('-d', '-p', given, nameOf)
  if (typeof source === 'string') return source
  const destination = readSide('-e', '-q', given, nameOf)
  if (typeof destination === 'string') return destination
  return { action, source, destination, type: 'any', replies: false, comment: '' }
}

function parseVerdict(text: string | undefined): Action | undefined {
  if (text === 'ACCEPT') return 'accept'
  if (text === 'REJECT') return 'reject'
  return undefined
}

function readSide(
  domainLetter: string,
  portLetter: string,
  given: ReadonlyMap<string, string>,
  nameOf: NameOf,
): Selector | string {
  const ports = parseClassicPort(given.get(portLetter) ?? '*')
  if (ports === undefined) {
    const found = quote(given.get(portLetter)!)
    return `${portLetter} takes a port from 0 to ${PORT_ANY - 1}, or * for all, not ${found}`
  }
  const domain = given.get(domainLetter) ?? '*'
  if (domain === '*' || domain === String(DOMID_ANY)) return { kind: 'any', ports }
  if (domain === CONTROL_NAME) return { kind: 'name', name: CONTROL_NAME, ports }
  if (!/^[0-9]+$/.test(domain)) {
    const problem = domainNameProblem(domain)
    if (problem !== undefined) return `${domainLetter} takes a domain: ${problem}`
    return { kind: 'name', name: domain, ports }
  }
  const id = parseDomainId(domain)
  const name = id === DOMID_CONTROL ? CONTROL_NAME : id === undefined ? undefined : nameOf(id)
  if (name === undefined) return `${domainLetter} ${domain}: no domain has that number`
  return { kind: 'name', name, ports }
}

function parseClassicPort(text: string): PortRange | undefined {
  if (text === '*' || text === String(PORT_ANY)) return ALL_PORTS
  const port = parsePort(text)
  return port === undefined ? undefined : { min: port, max: port }
}

/** True when viptables could say it: names, single ports or all of them, and nothing else. */
function isClassic(rule: RuleBody): boolean {
  return (
    rule.action !== 'drop' &&
    rule.type === 'any' &&
    !rule.replies &&
    isClassicSide(rule.source) &&
    isClassicSide(rule.destination)
  )
}

function isClassicSide({ kind, ports }: Selector): boolean {
  const isAll = ports.min === ALL_PORTS.min && ports.max === ALL_PORTS.max
  return kind !== 'tag' && (isAll || ports.min === ports.max)
}

function isSame(a: RuleBody, b: RuleBody): boolean {
  return (
    a.action === b.action &&
    a.type === b.type &&
    a.replies === b.replies &&
    equalSelectors(a.source, b.source) &&
    equalSelectors(a.destination, b.destination)
  )
}

function classicText(rule: RuleBody): string {
  const action = rule.action.toUpperCase()
  return `${action} ${formatSelector(rule.source)} -> ${formatSelector(rule.destination)}`
}
