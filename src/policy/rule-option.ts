import { quote } from '../abi/addr.js'
import type { LogMode, Quota, Rate, RuleBody } from './rule.js'
import { formatTime, parseTime } from './time-text.js'

/** The fields of a rule that are a word and a value behind it, in the order they are written. */
export const OPTION_FIELDS = [
  'maxBytes',
  'rate',
  'burst',
  'flowRate',
  'flowBurst',
  'quota',
  'log',
  'expires',
] as const
export type OptionField = (typeof OPTION_FIELDS)[number]

const digitsPattern = /^\d{1,15}$/
const ratePattern = /^(\d{1,15})\/([smh])$/
const quotaPattern = /^(\d{1,16})(|KiB|MiB|GiB|TiB)\/([hd])$/
const samplePattern = /^sample:(\d{1,15})$/
const PER_SECONDS = { s: 1, m: 60, h: 3600 } as const
const QUOTA_SECONDS = { h: 3600, d: 86400 } as const
const UNIT_BYTES = { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, '': 1 } as const
const PER_LETTERS = { 1: 's', 60: 'm', 3600: 'h' } as const

const FORMS: Readonly<Record<OptionField, string>> = {
  maxBytes: 'max_bytes is a whole number of bytes',
  rate: 'rate is a number of datagrams per second, minute or hour, such as 10/s, 30/m or 5/h',
  burst: 'burst is a whole number of datagrams',
  flowRate:
    'flow_rate is a number of datagrams per second, minute or hour, such as 10/s, 30/m or 5/h',
  flowBurst: 'flow_burst is a whole number of datagrams',
  quota: 'quota is a number of bytes per hour or day, such as 5000/h, 64KiB/h, 100MiB/d or 2GiB/d',
  log: 'log is none, deny, all or sample:N, such as sample:100',
  expires: 'expires is a time such as 2026-11-20T12:30:00Z',
}

/** Says how the value of an option is written. */
export function optionForm(field: OptionField): string {
  return FORMS[field]
}

/**
 * Reads the value of one of a rule's options: a number, a rate such as `1000/s`, `sample:100`, a
 * time. Whether it fits the rule is for `fieldProblem` to say.
 * @returns the field with its value, or a sentence that says what is wrong with the text.
 */
export function parseRuleOption(field: OptionField, text: string): Partial<RuleBody> | string {
  const value = parseValue(field, text)
  if (value === undefined) return `${optionForm(field)}, not ${quote(text)}`
  return typeof value === 'string' ? value : { [field]: value.value }
}

function parseValue(
  field: OptionField,
  text: string,
): { readonly value: number | Rate | Quota | LogMode } | string | undefined {
  switch (field) {
    case 'maxBytes':
    case 'burst':
    case 'flowBurst':
      return digitsPattern.test(text) ? { value: Number(text) } : undefined
    case 'rate':
    case 'flowRate': {
      const value = parseRate(text)
      return value && { value }
    }
    case 'quota': {
      const value = parseQuota(text)
      return value && { value }
    }
    case 'log': {
      const value = parseLogMode(text)
      return value && { value }
    }
    case 'expires': {
      const value = parseTime(text)
      return typeof value === 'string' ? value : { value }
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
    case 'quota':
      return rule.quota && formatQuota(rule.quota)
    case 'log':
      return rule.log && formatLogMode(rule.log)
    case 'expires':
      return rule.expires === undefined ? undefined : formatTime(rule.expires)
  }
}

/** Reads `1000/s`, `30/m` or `5/h`. */
export function parseRate(text: string): Rate | undefined {
  const parts = ratePattern.exec(text)
  if (parts === null) return undefined
  return { count: Number(parts[1]), perSeconds: PER_SECONDS[parts[2] as keyof typeof PER_SECONDS] }
}

/** Writes what `parseRate` reads. */
export function formatRate(rate: Rate): string {
  return `${rate.count}/${PER_LETTERS[rate.perSeconds]}`
}

/** Reads `5000/h`, `64KiB/h` or `2GiB/d`. */
export function parseQuota(text: string): Quota | undefined {
  const parts = quotaPattern.exec(text)
  if (parts === null) return undefined
  const bytes = Number(parts[1]) * UNIT_BYTES[parts[2] as keyof typeof UNIT_BYTES]
  return { bytes, perSeconds: QUOTA_SECONDS[parts[3] as keyof typeof QUOTA_SECONDS] }
}

/** Writes what `parseQuota` reads, in the largest unit of which it is a whole number. */
export function formatQuota({ bytes, perSeconds }: Quota): string {
  const [unit, unitBytes] = Object.entries(UNIT_BYTES).find(([, size]) => bytes % size === 0)!
  return `${bytes / unitBytes}${unit}/${perSeconds === 3600 ? 'h' : 'd'}`
}

/** Reads `none`, `deny`, `all` or `sample:100`. */
export function parseLogMode(text: string): LogMode | undefined {
  if (text === 'none' || text === 'deny' || text === 'all') return text
  const parts = samplePattern.exec(text)
  return parts === null ? undefined : { sample: Number(parts[1]) }
}

/** Writes what `parseLogMode` reads. */
export function formatLogMode(log: LogMode): string {
  return typeof log === 'string' ? log : `sample:${log.sample}`
}
