import { constants } from 'node:os'
import t from 'tap'
import { codeOfErrno, errnoOf, errorCodes, errorInfo } from '../../src/abi/errno.js'

await t.test('each code has a number of its own, in order, and is found by it', async t => {
  const numbers = errorCodes.map(errnoOf)
  t.same(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  )
  for (const code of errorCodes) t.equal(codeOfErrno(errnoOf(code)), code)
})

await t.test('the numbers are those of Linux', { skip: process.platform !== 'linux' }, async t => {
  const linux: Record<string, number | undefined> = constants.errno
  for (const code of errorCodes) {
    if (linux[code] !== undefined) t.equal(errnoOf(code), linux[code], code)
  }
})

await t.test('a number that is not known is EIO', async t => {
  t.equal(codeOfErrno(0), 'EIO')
  t.equal(codeOfErrno(9999), 'EIO')
})

await t.test('each row has an HTTP error, a WebSocket close code and a sentence', async t => {
  const closes = new Set<number>()
  for (const code of errorCodes) {
    const info = errorInfo(code)
    t.equal(info.code, code)
    t.ok(info.http >= 400 && info.http < 600, `${code}: http ${info.http}`)
    const isOurs = info.close === 4000 + info.errno
    t.ok(isOurs || [1001, 1002, 1009, 1011].includes(info.close), `${code}: close ${info.close}`)
    t.ok(info.close < 5000, `${code}: a close code ends below 5000`)
    t.match(info.sentence, /^[a-z].*[^.]$/, code)
    closes.add(info.close)
  }
  t.equal(closes.size, errorCodes.length, 'no close code stands for two errors')
})
