import t from 'tap'
import { decodeUtf8, printable, printableBytes, printableJson } from '../../src/cli/printable.js'

await t.test('what a terminal obeys is shown as an escape', async t => {
  t.equal(printable('a\nb\rc\td'), 'a\\nb\\rc\\td')
  t.equal(printable('\u001b[31mred\u009b0m\u0007'), '\\x1b[31mred\\x9b0m\\x07')
  t.equal(printable('abc\u202edef\u2028\u061c'), 'abc\\u202edef\\u2028\\u061c')
})

await t.test('text that is only text stays as it is', async t => {
  t.equal(printable('web:80 -> café 東京 🙂'), 'web:80 -> café 東京 🙂')
})

await t.test('bytes that are not UTF-8 are shown one by one', async t => {
  t.equal(printableBytes(Uint8Array.of(0x61, 0xff, 0x00, 0x7e)), 'a\\xff\\x00~')
  t.equal(printableBytes(Buffer.from('schön\n')), 'schön\\n')
  t.equal(decodeUtf8(Uint8Array.of(0xff)), undefined)
})

await t.test('JSON says the same and holds nothing a terminal obeys', async t => {
  const value = { a: 'x\u009b\u202e\u007f\n', b: ['é'] }
  const text = printableJson(value)
  t.same(JSON.parse(text), value)
  t.notMatch(text, /[\u007f-\u009f\u202e\n]/)
  t.same(JSON.parse(printableJson(value, 2)), value)
})

await t.test('a byte order mark is kept, so that text is the same bytes again', async t => {
  t.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa')
})
