import t from 'tap'
import {
  formatRuleOption,
  OPTION_FIELDS,
  optionForm,
  parseRuleOption,
  type OptionField,
} from '../../src/policy/rule-option.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { RULE_WORDS } from '../../src/policy/rule.js'

await t.test('each option is read and written', async t => {
  const parsed = parseRule('accept a:1 -> b:2')
  if (!parsed.ok) throw new Error(parsed.message)
  const options: [OptionField, string, unknown][] = [
    ['maxBytes', '1000', 1_000],
    ['burst', '5', 5],
    ['flowBurst', '0', 0],
    ['rate', '10/s', { count: 10, perSeconds: 1 }],
    ['rate', '30/m', { count: 30, perSeconds: 60 }],
    ['flowRate', '5/h', { count: 5, perSeconds: 3600 }],
    ['quota', '5000/h', { bytes: 5_000, perSeconds: 3600 }],
    ['quota', '3KiB/d', { bytes: 3_072, perSeconds: 86400 }],
    ['quota', '10MiB/d', { bytes: 10 * 2 ** 20, perSeconds: 86400 }],
    ['quota', '2GiB/d', { bytes: 2 * 2 ** 30, perSeconds: 86400 }],
    ['quota', '1024TiB/h', { bytes: 2 ** 50, perSeconds: 3600 }],
    ['log', 'none', 'none'],
    ['log', 'deny', 'deny'],
    ['log', 'all', 'all'],
    ['log', 'sample:100', { sample: 100 }],
    ['expires', '1970-01-01T00:00:01Z', 1_000],
  ]
  for (const [field, text, value] of options) {
    const part = parseRuleOption(field, text)
    t.same(part, { [field]: value }, text)
    if (typeof part !== 'string')
      t.equal(formatRuleOption(field, { ...parsed.rule, ...part }), text)
    t.equal(formatRuleOption(field, parsed.rule), undefined)
  }
})

await t.test('a value that is none is refused with what is expected', async t => {
  const refusals: [OptionField, string][] = [
    ['maxBytes', '-1'],
    ['maxBytes', '1e3'],
    ['burst', ''],
    ['flowBurst', '9999999999999999'],
    ['rate', '10'],
    ['rate', '10/d'],
    ['rate', '/s'],
    ['flowRate', '1.5/s'],
    ['quota', '5'],
    ['quota', '5/s'],
    ['quota', '5MB/d'],
    ['quota', '1.5MiB/d'],
    ['log', 'sample'],
    ['log', 'sample:x'],
    ['log', 'None'],
  ]
  for (const [field, text] of refusals) {
    t.equal(parseRuleOption(field, text), `${optionForm(field)}, not ${JSON.stringify(text)}`)
  }
  t.match(parseRuleOption('expires', '10m'), /"10m" is not a time/)
  for (const field of OPTION_FIELDS) t.ok(optionForm(field).startsWith(`${RULE_WORDS[field]} is `))
})
