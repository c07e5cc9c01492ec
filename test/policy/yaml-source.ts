import t from 'tap'
import { isMap, isScalar, type Scalar } from 'yaml'
import { describe, DOCUMENT_CHARS_MAX, YamlSource } from '../../src/policy/yaml-source.js'

function source(text: string): YamlSource {
  return new YamlSource({ name: 'f.yaml', text })
}

/** What is wrong with a text, as `line:column message`. */
function problems(text: string): string[] {
  const file = source(text)
  t.equal(file.parse(), undefined)
  return file.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
}

/** The value of the only key of a text that is sound. */
function value(file: YamlSource): Scalar<string> {
  const top = file.parse()
  if (isMap(top)) {
    const only = top.items[0]?.value
    if (isScalar<string>(only)) return only
  }
  throw new Error('not a mapping with one scalar')
}

await t.test('a sound text is read and has no problems', async t => {
  const file = source('# a comment\nkey: value\n')
  t.equal(value(file).value, 'value')
  t.same(file.problems, [])
})

await t.test('an empty text has no top', async t => {
  t.equal(source('').parse(), null)
  t.equal(source('# only a comment\n').parse(), null)
})

await t.test('problems are listed in the order of the text', async t => {
  const file = source('a: 1\nb: 2\n')
  file.report(5, 'third')
  file.report(3, 'second')
  file.report(0, 'first')
  t.same(
    file.problems.map(problem => problem.message),
    ['first', 'second', 'third'],
  )
  t.same(file.problems[1], { file: 'f.yaml', line: 1, column: 4, message: 'second' })
  file.parse()
  t.equal(file.line(5), 2)
  t.equal(file.place(5), 'f.yaml:2')
})

await t.test('a character inside a scalar has its place where quoting lets it be seen', async t => {
  for (const [text, offset] of [
    ['key: abc', 7],
    ['key: "abc"', 8],
    ["key: 'abc'", 8],
    ['key: "\\x61bc"', 5],
    ['key: |\n  abc', 5],
  ] as const) {
    const file = source(text)
    t.equal(file.offsetIn(value(file), 2), offset, text)
  }
})

await t.test('what YAML finds wrong is reported where it is', async t => {
  t.match(problems('a: [1'), [/^1:6 this is not sound YAML: Flow sequence/])
  t.match(problems('a:\n\t- b'), [/^2:1 this is not sound YAML: Tabs are not allowed/])
  const tabs = 'a: 1\nb:\n\t- c: 2\n\t- d: 3\ne: 4\n\tf: 5'
  t.equal(problems(tabs).length, 1, 'what follows from the first is not reported')
  t.match(problems('a: @s:1'), [/^1:4 this is not sound YAML: .* @: put the text in quotes$/])
  t.match(problems('%FOO\n---\na: b'), [/^1:1 this is not sound YAML: Unknown directive %FOO/])
})

await t.test('a message has no control characters, whatever the text has', async t => {
  for (const text of ['a: "\\\u001b"', '%\u001b[31m\n---\na: b', 'a: &\u001b[31m b', '? !\u0007']) {
    for (const line of problems(text)) t.notMatch(line, /\p{Cc}/u)
  }
})

await t.test('aliases, anchors and tags are refused with advice', async t => {
  t.match(problems('a: *:* -> db:80'), [/^1:4 a bare \* makes a YAML alias, .* put the text in q/])
  t.match(problems('a: *b'), [/^1:4 a bare \*/])
  t.match(problems('a: &b c\nd: *b'), [/^1:7 .* no anchors: remove &b/, /^2:4 a bare \*/])
  t.match(problems('a: &b [c]'), [/^1:7 a policy file has no anchors: remove &b/])
  t.match(problems('a: !b c'), [/^1:7 a policy file has no YAML tags: remove !b/])
  t.match(problems('a: !!str c'), [/^1:10 a policy file has no YAML tags: remove !!str/])
  t.match(problems('--- !!map\na: b'), [/^2:1 a policy file has no YAML tags: remove !!map/])
})

await t.test('a merge key is a key like any other', async t => {
  t.equal(value(source('<<: a')).value, 'a')
})

await t.test('more than one document, and other versions of YAML, are refused', async t => {
  t.match(problems('a: b\n---\nc: d'), [/^2:1 a policy file is one document/])
  t.match(problems('a: b\n---\n'), [/^2:1 a policy file is one document/])
  t.match(problems('%YAML 1.1\n---\na: yes'), [/^1:1 a policy file has no %YAML line/])
  t.match(problems('%TAG ! tag:x\n---\na: yes'), [/^1:1 a policy file has no %TAG line/])
})

await t.test('a text that is too long is not looked at', async t => {
  const long = '#'.repeat(DOCUMENT_CHARS_MAX)
  t.equal(source(long).parse(), null)
  t.same(problems(`${long}#`), [
    '1:1 a policy file has at most 8388608 characters, not 8388609: split it',
  ])
})

await t.test('columns are those that an editor shows', async t => {
  t.same(problems('\ufeff*x'), [problems('*x')[0]])
  t.match(problems('a: b\r\n"\u{1f600}": *x\r\n'), [/^2:7 /])
})

await t.test('nesting that would exhaust the stack is refused before it can', async t => {
  const deep = /lists and mappings are nested deeper here than any policy needs/
  const indented = Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')
  for (const text of ['[', '- ', '{a: ', '? ', '[{a: '].map(part => part.repeat(50_000))) {
    t.match(problems(text), [deep], text.slice(0, 8))
  }
  t.match(problems(indented), [deep])
})

await t.test('a node is called what a person would call it', async t => {
  for (const [text, expected] of [
    ['"a b"', '"a b"'],
    ['1.5', 'a number'],
    ['true', 'the value true'],
    ['~', 'an empty value'],
    ['[a]', 'a list'],
    ['{a: b}', 'a mapping'],
    ['', 'an empty value'],
  ] as const) {
    t.equal(describe(source(text).parse() ?? null), expected, text)
  }
})
