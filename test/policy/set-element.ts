import t from 'tap'
import { ALL_PORTS } from '../../src/policy/selector.js'
import { formatSetElement, parseSetElement } from '../../src/policy/set-element.js'

await t.test('an element is a domain or a tag, with or without ports and an end', async t => {
  const forms = [
    ['web', { kind: 'name', name: 'web', ports: ALL_PORTS }],
    ['web:80-89', { kind: 'name', name: 'web', ports: { min: 80, max: 89 } }],
    ['tag:db', { kind: 'tag', tag: 'db', ports: ALL_PORTS }],
    ['tag:db:5432', { kind: 'tag', tag: 'db', ports: { min: 5432, max: 5432 } }],
    [
      'web expires 2026-11-20T12:00:00Z',
      { kind: 'name', name: 'web', ports: ALL_PORTS, expires: 1_795_176_000_000 },
    ],
  ] as const
  for (const [text, element] of forms) {
    t.same(parseSetElement(text), element, text)
    t.equal(formatSetElement(element), text)
  }
  t.same(parseSetElement('web:*'), parseSetElement('web'))
  t.same(parseSetElement('web \t expires  2026-11-20T12:00:00Z'), forms[4][1])
})

await t.test('what can be no element is refused with a sentence that says why', async t => {
  const refusals: [string, RegExp][] = [
    ['', /a domain name is 1 to 63 of .*, not ""/],
    ['*', /an element of a set is a domain or a tag, such as web, .*, not "\*"/],
    ['*:80', /an element of a set is a domain or a tag/],
    ['@other', /an element of a set is a domain or a tag, .*, not "@other"/],
    ['control', /a set never holds the control domain/],
    ['0:7', /a set never holds the control domain/],
    ['7', /rules bind to names, not numbers/],
    ['web:x', /"x" is not a port/],
    ['tag:', /a tag is 1 to 63 of/],
    ['web until 9', /a domain name is 1 to 63 of .*, not "web until 9"/],
    ['web expires soon', /"soon" is not a time/],
  ]
  for (const [text, expected] of refusals) t.match(parseSetElement(text), expected, text)
})
