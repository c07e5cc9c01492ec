import fc from 'fast-check'
import t from 'tap'
import {
  ALL_PORTS,
  equalSelectors,
  formatSelector,
  matchesEnd,
  matchesPort,
  matchesSubject,
  parseSelector,
  type Selector,
} from '../../src/policy/selector.js'
import { selector } from './fixtures/arbitraries.js'

const web = { name: 'web', tags: ['front', 'prod'] }
const control = { name: 'control', tags: ['prod'] }

/** Reads a selector that has to be right. */
function read(text: string): Selector {
  const parsed = parseSelector(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

await t.test('every form of the text is read', async t => {
  const forms: [string, Selector][] = [
    ['web:80', { kind: 'name', name: 'web', ports: { min: 80, max: 80 } }],
    ['web:*', { kind: 'name', name: 'web', ports: ALL_PORTS }],
    ['web:8000-8099', { kind: 'name', name: 'web', ports: { min: 8000, max: 8099 } }],
    ['web:0', { kind: 'name', name: 'web', ports: { min: 0, max: 0 } }],
    ['web:1-4294967295', { kind: 'name', name: 'web', ports: { min: 1, max: 0xffffffff } }],
    ['tag:db:5432', { kind: 'tag', tag: 'db', ports: { min: 5432, max: 5432 } }],
    ['tag:7:*', { kind: 'tag', tag: '7', ports: ALL_PORTS }],
    ['@admins:22', { kind: 'set', set: 'admins', ports: { min: 22, max: 22 } }],
    ['@7:*', { kind: 'set', set: '7', ports: ALL_PORTS }],
    ['tag:control:1', { kind: 'tag', tag: 'control', ports: { min: 1, max: 1 } }],
    ['*:*', { kind: 'any', ports: ALL_PORTS }],
    ['*:514', { kind: 'any', ports: { min: 514, max: 514 } }],
    ['control:7', { kind: 'name', name: 'control', ports: { min: 7, max: 7 } }],
  ]
  for (const [text, expected] of forms) {
    t.same(parseSelector(text), expected, text)
    t.equal(formatSelector(expected), text)
  }
})

await t.test('some things can be written in two ways and are printed in one', async t => {
  t.equal(formatSelector(read('0:7')), 'control:7')
  t.equal(formatSelector(read('web:0-4294967295')), 'web:*')
  t.equal(formatSelector(read('web:80-80')), 'web:80')
  t.equal(formatSelector(read('web:0080')), 'web:80')
})

await t.test('a text that is not a selector is refused with a sentence that says why', async t => {
  const refusals: [string, RegExp][] = [
    ['', /"" has no port: write it as NAME:PORT/],
    ['web', /"web" has no port: write it as NAME:PORT/],
    ['*', /"\*" has no port/],
    ['tag:db', /"tag:db" has no port: write it as tag:NAME:PORT/],
    ['tag:80', /"tag:80" has no port: write it as tag:NAME:PORT/],
    ['@admins', /"@admins" has no port/],
    ['@:80', /a set's name is 1 to 63 of .*, not ""/],
    ['@A:80', /a set's name is 1 to 63 of .*, not "A"/],
    [':80', /a domain name is 1 to 63 of .*, not ""/],
    ['Web:80', /a domain name is 1 to 63 of .*, not "Web"/],
    ['tag::80', /a tag is 1 to 63 of .*, not ""/],
    ['tag:a:b:80', /a tag is 1 to 63 of .*, not "a:b"/],
    ['web:', /"" is not a port/],
    ['web:http', /"http" is not a port/],
    ['web:-1', /"" is not a port/],
    ['web:1-', /"" is not a port/],
    ['web:1-x', /"x" is not a port/],
    ['web:1-2-3', /"2-3" is not a port/],
    ['web:4294967296', /"4294967296" is not a port/],
    ['web:4294967295', /4294967295 stands for every port: write \*/],
    ['web:4294967295-4294967295', /4294967295 stands for every port: write \*/],
    ['web:90-80', /the port range 90-80 is empty/],
    ['7:80', /"7" is a number, and rules bind to names, not numbers: write the name of domain 7/],
    ['00:80', /rules bind to names, not numbers: write the name of domain 0/],
    ['99999:80', /rules bind to names, not numbers: write the name of a domain/],
    ['web :80', /a domain name/],
    ['\u001b[31m:80', /"\\u001b\[31m"/],
  ]
  for (const [text, expected] of refusals) {
    t.match(parseSelector(text), expected, JSON.stringify(text))
  }
})

await t.test('what is printed reads back as the same selector', async () => {
  fc.assert(
    fc.property(selector, original => {
      const parsed = read(formatSelector(original))
      return equalSelectors(parsed, original) && JSON.stringify(parsed) === JSON.stringify(original)
    }),
    { numRuns: 1_000 },
  )
})

await t.test('no text at all makes the parser throw', async () => {
  const piece = fc.constantFrom('tag', ':', '*', '-', '0', '80', 'web', '4294967295', ' ', 'Ü')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map(parts => parts.join('')),
      ),
      text => {
        const parsed = parseSelector(text)
        return typeof parsed === 'string'
          ? parsed.length > 0
          : read(formatSelector(parsed)) !== null
      },
    ),
    { numRuns: 5_000 },
  )
})

await t.test('a name means the domain of that name, a tag those that have it', async t => {
  t.equal(matchesSubject(read('web:*'), web), true)
  t.equal(matchesSubject(read('db:*'), web), false)
  t.equal(matchesSubject(read('tag:prod:*'), web), true)
  t.equal(matchesSubject(read('tag:back:*'), web), false)
  t.equal(matchesSubject(read('tag:web:*'), web), false, 'a name is not a tag')
  t.equal(matchesSubject(read('*:*'), web), true)
})

await t.test('the control domain is meant only by name', async t => {
  t.equal(matchesSubject(read('*:*'), control), false)
  t.equal(matchesSubject(read('tag:prod:*'), control), false)
  t.equal(matchesSubject(read('control:*'), control), true)
  t.equal(matchesSubject(read('0:*'), control), true)
})

await t.test('a set means those that its elements mean, on their ports', async t => {
  const scope = {
    sets: [
      {
        name: 's',
        elements: [
          { kind: 'name', name: 'web', ports: { min: 80, max: 89 } },
          { kind: 'tag', tag: 'back', ports: ALL_PORTS, expires: 1_000 },
        ],
      },
    ],
    tags: [{ tag: 'back', domains: ['db'] }],
    now: 999,
  } as const
  const db = { name: 'db', tags: [] }
  const tagged = { name: 'app', tags: ['back'] }
  t.equal(matchesSubject(read('@s:*'), web, scope), true)
  t.equal(matchesSubject(read('@s:*'), db, scope), true, 'the policy gives it the tag')
  t.equal(matchesSubject(read('@s:*'), tagged, scope), true)
  t.equal(matchesSubject(read('@s:*'), tagged, { ...scope, now: 1_000 }), false, 'it has expired')
  t.equal(matchesSubject(read('@s:*'), { name: 'control', tags: ['back'] }, scope), false)
  t.equal(matchesSubject(read('@other:*'), web, scope), false, 'a set that is not there')
  t.equal(matchesSubject(read('@s:*'), web), false, 'no sets at all')
  t.equal(matchesSubject(read('tag:back:*'), db, scope), true)
  t.equal(matchesEnd(read('@s:*'), web, 80, scope), true)
  t.equal(matchesEnd(read('@s:*'), web, 90, scope), false, 'the element has other ports')
  t.equal(matchesEnd(read('@s:90'), web, 80, scope), false, 'the rule has other ports')
  t.equal(matchesEnd(read('@s:90'), tagged, 90, scope), true)
  t.equal(matchesEnd(read('web:90'), web, 90), true)
  t.equal(matchesEnd(read('web:90'), db, 90), false)
})

await t.test('a range has both of its ends', async t => {
  const { ports } = read('web:8000-8099')
  t.same(
    [7999, 8000, 8050, 8099, 8100].map(port => matchesPort(ports, port)),
    [false, true, true, true, false],
  )
  t.same(
    [0, 1, 0xffffffff].map(port => matchesPort(ALL_PORTS, port)),
    [true, true, true],
  )
})

await t.test('selectors are equal when they are printed alike', async t => {
  t.equal(equalSelectors(read('0:80'), read('control:80')), true)
  t.equal(equalSelectors(read('web:80'), read('web:81')), false)
  t.equal(equalSelectors(read('tag:web:80'), read('web:80')), false)
})
