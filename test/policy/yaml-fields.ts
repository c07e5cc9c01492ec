import t from 'tap'
import type { Node } from 'yaml'
import { readList, readMapping, readText, readWhole } from '../../src/policy/yaml-fields.js'
import { YamlSource } from '../../src/policy/yaml-source.js'

function parsed(text: string): { source: YamlSource; top: Node | null } {
  const source = new YamlSource({ name: 'f.yaml', text })
  const top = source.parse()
  if (top === undefined) throw new Error('not sound')
  return { source, top }
}

await t.test('the fields of a mapping are found by their keys', async t => {
  const { source, top } = parsed('a: x\nb: 5\nc: [1, 2]\n')
  const fields = readMapping(source, top, 0, 'a form', ['a', 'b', 'c'])!
  t.equal(readText(source, fields.get('a'), 'text')?.value, 'x')
  t.equal(readWhole(source, fields.get('b'), 'a number'), 5)
  t.equal(readList(source, fields.get('c')!, 'a list').length, 2)
  t.equal(readText(source, undefined, 'text'), undefined)
  t.equal(readWhole(source, undefined, 'a number'), undefined)
  t.same(source.problems, [])
})

await t.test('what is something else is reported, once each', async t => {
  const { source, top } = parsed('a: 5\nb: x\nc: y\n')
  const fields = readMapping(source, top, 0, 'a form', ['a', 'b', 'c'])!
  t.equal(readText(source, fields.get('a'), 'a is text', true), undefined)
  t.equal(readText(source, fields.get('a'), 'a is a rate'), undefined)
  t.equal(readWhole(source, fields.get('b'), 'b is a number'), undefined)
  t.same(readList(source, fields.get('c')!, 'c is a list'), [])
  t.same(
    source.problems.map(({ line, message }) => `${line}: ${message}`),
    [
      '1: a is text, written in quotes, not a number',
      '1: a is a rate, not a number',
      '2: b is a number, not "x"',
      '3: c is a list, not "y"',
    ],
  )
})

await t.test('no fields of a mapping are used when one of them is wrong', async t => {
  const { source, top } = parsed('a: 5\nb: x\na: 6\n')
  t.equal(readMapping(source, top, 0, 'a form', ['a']), undefined)
  t.same(
    source.problems.map(({ line, message }) => `${line}: ${message}`),
    ['2: a form; "b" is none of them', '3: a is on line 1 already'],
  )
})
