import t from 'tap'
import fc from 'fast-check'
import {
  domainNameProblem,
  DOMID_ANY,
  DOMID_MAX,
  formatEndpoint,
  isDomainId,
  isPort,
  MESSAGE_TYPES,
  messageTypeOf,
  parseDomainId,
  parseEndpoint,
  parsePort,
  PORT_ANY,
  quote,
  tagProblem,
  type Port,
} from '../../src/abi/addr.js'

await t.test('a domain number is 0 to 0x7FEF', async t => {
  for (const value of [0, 1, DOMID_MAX]) t.ok(isDomainId(value), String(value))
  for (const value of [-1, 1.5, DOMID_MAX + 1, DOMID_ANY, NaN]) t.notOk(isDomainId(value))
})

await t.test('a port is 0 to 0xFFFFFFFE', async t => {
  for (const value of [0, 1, PORT_ANY - 1]) t.ok(isPort(value), String(value))
  for (const value of [-1, 0.5, PORT_ANY, PORT_ANY + 1, NaN]) t.notOk(isPort(value))
})

await t.test('a message type has a name and a number', async t => {
  t.equal(messageTypeOf(MESSAGE_TYPES.dgram), 'dgram')
  t.equal(messageTypeOf(MESSAGE_TYPES.stream), 'stream')
  t.equal(messageTypeOf(0), undefined)
})

await t.test('a domain name is a label that can be taken for nothing else', async t => {
  for (const name of ['web', 'a', '0x', 'db-1.prod_eu', 'a'.repeat(63)]) {
    t.equal(domainNameProblem(name), undefined, name)
  }
  t.match(domainNameProblem('12'), /all digits, which is how a domain number looks/)
  t.match(domainNameProblem('tag'), /reserved/)
  t.match(domainNameProblem('control'), /hypervisor's own domain/)
  for (const name of ['', 'Web', '-a', '.a', 'a b', 'a:b', 'é', 'a'.repeat(64), 'a\n']) {
    t.match(domainNameProblem(name), /^a domain name is 1 to 63 of/, JSON.stringify(name))
  }
})

await t.test('a tag may be all digits', async t => {
  t.equal(tagProblem('42'), undefined)
  t.match(tagProblem('No'), /^a tag is 1 to 63 of .* not "No"$/)
})

await t.test('parsePort takes decimal digits only', async t => {
  t.equal(parsePort('0'), 0)
  t.equal(parsePort('4294967294'), PORT_ANY - 1)
  for (const text of ['', '-1', '+1', '1e3', '0x10', ' 1', '4294967295', '00000000001', '1.0']) {
    t.equal(parsePort(text), undefined, JSON.stringify(text))
  }
})

await t.test('parseDomainId takes decimal digits only', async t => {
  t.equal(parseDomainId('7'), 7)
  t.equal(parseDomainId(String(DOMID_MAX)), DOMID_MAX)
  for (const text of ['', 'web', '32752', '000001', '-1']) {
    t.equal(parseDomainId(text), undefined, JSON.stringify(text))
  }
})

await t.test('parseEndpoint reads a name, a number or control, and a port', async t => {
  t.same(parseEndpoint('web:80'), { domain: 'web', port: 80 })
  t.same(parseEndpoint('7:80'), { domain: '7', port: 80 })
  t.same(parseEndpoint('control:0'), { domain: 'control', port: 0 })
})

await t.test('parseEndpoint says what is wrong', async t => {
  for (const [text, problem] of [
    ['web', '"web" has no port: write it as NAME:PORT, such as web:80'],
    ['web:x', '"x" is not a port: a decimal number from 0 to 4294967294'],
    ['99999:1', '"99999" is all digits, which is how a domain number looks'],
    ['tag:1', '"tag" is reserved: tag:NAME means a tag'],
    [
      'tag:db:1',
      'a domain name is 1 to 63 of a-z 0-9 . _ - and starts with a letter or digit, not "tag:db"',
    ],
  ] as const) {
    t.equal(parseEndpoint(text), problem)
  }
})

await t.test('what formatEndpoint writes, parseEndpoint reads', async t => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/)
  fc.assert(
    fc.property(name, fc.nat(PORT_ANY - 1), (domain, port) => {
      fc.pre(domainNameProblem(domain) === undefined)
      const endpoint = { domain, port: port as Port }
      t.strictSame(parseEndpoint(formatEndpoint(endpoint)), endpoint)
    }),
    { numRuns: 50 },
  )
})

await t.test('quoted text is one line without control characters', async t => {
  t.equal(quote('a"b\n\u001b[2J'), '"a\\"b\\n\\u001b[2J"')
  t.equal(quote('\u007f\u009b\u2028\u202e'), '"\\u007f\\u009b\\u2028\\u202e"')
  t.equal(quote('x'.repeat(81)), `"${'x'.repeat(77)}..."`)
  t.equal(quote('x'.repeat(80)), `"${'x'.repeat(80)}"`)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      // oxlint-disable-next-line no-control-regex
      return !/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/.test(quote(text))
    }),
  )
})
