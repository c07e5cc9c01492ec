import { quote } from '../abi/addr.js'
import { RATE_COUNT_MAX, RULE_WORDS, type LogMode, type Rate, type RuleBody } from './rule.js'
import { formatTime, parseTime } from './time-text.js'

/** The fields of a rule that are a word and a value behind it, in the order they are written. */
export const OPTION_FIELDS = [
  'maxBytes',
  'rate',
  'burst',
  'flowRate',
  'flowBurst',
  'log',
  'expires',
] as const
export type OptionField = (typeof OPTION_FIELDS)[number]

const digitsPattern = /^\d{1,15}$/
const ratePattern = /^(\d{1,15})\/([smh])$/
const samplePattern = /^sample:(\d{1,15})$/
const PER_SECONDS = { s: 1, m: 60, h: 3600 } as const
const PER_LETTERS = { 1: 's', 60: 'm', 3600: 'h' } as const

/**
 * Reads the value of one of a rule's options: a number, a rate such as `1000/s`, `sample:100`, a
 * time. Whether it fits the rule is for `fieldProblem` to say.
 * @returns the field with its value, or a sentence that says what is wrong with the text.
 */
export function parseRuleOption(field: OptionField, text: string): Partial<RuleBody> | string {
  switch (field) {
    case 'maxBytes':
    case 'burst':
    case 'flowBurst':
      return digitsPattern.test(text)
        ? { [field]: Number(text) }
        : `${RULE_WORDS[field]} is a whole number, not ${quote(text)}`
    case 'rate':
    case 'flowRate': {
      const rate = parseRate(text)
      return typeof rate === 'string' ? `${RULE_WORDS[field]} is ${rate}` : { [field]: rate }
    }
    case 'log':
      return parseLogMode(text)
    case 'expires': {
      const expires = parseTime(text)
      return typeof expires === 'string' ? expires : { expires }
    }
  }
}

/** Writes what `parseRuleOption` reads; undefined for an option that the rule does not have. */
export function formatRuleOption(field: OptionField, rule: RuleBody): string | undefined {
  switch (field) {
    case 'maxBytes':
    case 'burst':
    case 'flowBurst':
      return rule[field]?.toString()
    case 'rate':
    case 'flowRate':
      return rule[field] && formatRate(rule[field])
    case 'log':
      return rule.log && formatLogMode(rule.log)
    case 'expires':
      return rule.expires === undefined ? undefined : formatTime(rule.expires)
  }
}

/** Reads `1000/s`, `30/m` or `5/h`; else says what a rate is. */
export function parseRate(text: string): Rate | string {
  const parts = ratePattern.exec(text)
  if (parts === null) return `a number per second, minute or hour, such as 10/s, not ${quote(text)}`
  return { count: Number(parts[1]), perSeconds: PER_SECONDS[parts[2] as keyof typeof PER_SECONDS] }
}

/** Writes what `parseRate` reads. */
export function formatRate(rate: Rate): string {
  return `${rate.count}/${PER_LETTERS[rate.perSeconds]}`
}

/** Writes `none`, `deny`, `all` or `sample:100`. */
export function formatLogMode(log: LogMode): string {
  return typeof log === 'string' ? log : `sample:${log.sample}`
}

/** Reads what `formatLogMode` writes; else says what is expected. */
export function parseLogMode(text: string): { readonly log: LogMode } | string {
  if (text === 'none' || text === 'deny' || text === 'all') return { log: text }
  const parts = samplePattern.exec(text)
  if (parts !== null) return { log: { sample: Number(parts[1]) } }
  return `log is none, deny, all or sample:N with N from 1 to ${RATE_COUNT_MAX}, not ${quote(text)}`
}
