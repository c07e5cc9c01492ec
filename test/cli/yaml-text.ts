import fc from 'fast-check'
import t from 'tap'
import { parse } from 'yaml'
import { isPrintable } from '../../src/cli/printable.js'
import { yamlText } from '../../src/cli/yaml-text.js'
import { daemon } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...Array.from('\n\t\r \u001b\u0085\u2028\u202eab:#\'"|>-')) }),
  fc.constantFrom('no', 'yes', 'on', '1:30', '0o7', '1_000', '~', '=', '---', '<<', '2026-11-21'),
)
const data = fc.letrec<{ any: unknown }>(tie => ({
  any: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any')),
    fc.dictionary(text, tie('any')),
  ),
})).any

await t.test('what is printed as YAML is read as what JSON would say', async t => {
  fc.assert(
    fc.property(data, value => {
      t.same(parse(yamlText(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
})

await t.test('no text makes a terminal obey', async t => {
  fc.assert(
    fc.property(data, value => {
      t.ok(isPrintable(yamlText(value).replaceAll('\n', '')))
    }),
  )
  t.equal(yamlText({ 'a\u001b': 'b\u202e\n' }), '"a\\e": "b\\u202e\\n"')
})

await t.test('readers of YAML 1.1 take no word for something else', async t => {
  const value = { a: 'no', b: 'on', c: '1:30', d: 'web' }
  t.same(parse(yamlText(value), { version: '1.1' }), value)
  t.equal(yamlText(value), 'a: "no"\nb: "on"\nc: "1:30"\nd: web')
})

await t.test('listings say in YAML what they say in JSON', async t => {
  const dir = t.testdir({ 'a.yaml': 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n' })
  const place = await daemon(t, dir)
  await place.v4v(['domain', 'add', 'web', '--tag', 'a'])
  const listings = [
    ['domain', 'ls'],
    ['domain', 'show', 'web'],
    ['rule', 'ls'],
    ['set', 'ls'],
    ['audit'],
    ['policy', 'history'],
    ['policy', 'check', dir],
    ['config', 'print'],
  ]
  for (const listing of listings) {
    const json = await place.v4v([...listing, '-o', 'json'])
    const yaml = await place.v4v([...listing, '-o', 'yaml'])
    t.same([json.code, yaml.code], [0, 0], listing.join(' '))
    t.same(parse(yaml.stdout), JSON.parse(json.stdout), listing.join(' '))
  }
})
