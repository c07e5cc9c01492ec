import t from 'tap'
import type { Rule } from '../../../src/policy/rule.js'
import {
  patchRule,
  readRule,
  readSelector,
  ruleJson,
} from '../../../src/control/policy/rule-json.js'

const context = { nameOf: (id: number) => (id === 7 ? 'web' : undefined), now: 1_000 }
const json = { action: 'accept', source: 'web:*', destination: '@guests:80' } as const

function read(extra: object = {}): Rule {
  const rule = readRule({ id: 'a', ...json, ...extra }, context)
  if (typeof rule === 'string') throw new Error(rule)
  return rule as Rule
}

void t.test('a rule with everything is read back from its JSON', t => {
  const full = {
    id: 'a',
    ...json,
    type: 'dgram',
    replies: true,
    comment: 'why',
    maxBytes: 100,
    rate: '5/m',
    burst: 3,
    flowRate: '1/s',
    flowBurst: 2,
    quota: '64KiB/h',
    log: 'sample:9',
    expires: 5_000,
  } as const
  t.same(ruleJson(read(full)), full)
  t.same(ruleJson(read()), { id: 'a', ...json, type: 'any', replies: false, comment: '' })
  t.end()
})

void t.test('an end is a number, a time or a length of time', t => {
  t.equal(read({ expires: 5_000 }).expires, 5_000)
  t.equal(read({ expires: '1970-01-01T00:00:09Z' }).expires, 9_000)
  t.equal(read({ expires: '10m' }).expires, 601_000)
  t.match(readRule({ ...json, expires: 'soon' }, context), /length of time such as 10m/)
  t.end()
})

void t.test('the number of a domain is turned into its name', t => {
  t.match(read({ source: '7:80' }).source, { kind: 'name', name: 'web' })
  t.match(readSelector('0:9', context.nameOf), { name: 'control' })
  t.match(readSelector('8:9', context.nameOf), /no domain has the number 8/)
  t.match(readRule({ ...json, source: 'x' }, context), /^source: /)
  t.match(readRule({ ...json, destination: '9:1' }, context), /^destination: /)
  t.match(readRule({ ...json, rate: 'fast' }, context), /rate is a number/)
  t.end()
})

void t.test('a patch changes what it names, and null takes an option away', t => {
  const rule = { ...read({ rate: '5/m', log: 'all' }), place: { file: 'a.yaml', line: 1 } }
  const patched = patchRule(rule, { source: 'db:*', action: 'audit', rate: null }, context)
  t.match(patched, { id: 'a', action: 'audit', source: { name: 'db' }, log: 'all' })
  t.notOk('rate' in (patched as object))
  t.notOk('place' in (patched as object), 'it does not stand there any more')
  t.type(patchRule(rule, { destination: 'x' }, context), 'string')
  t.type(patchRule(rule, { log: 'x' }, context), 'string')
  t.end()
})
