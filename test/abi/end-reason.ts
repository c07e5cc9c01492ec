import t from 'tap'
import { endReasonInfo, endReasons } from '../../src/abi/end-reason.js'
import { errorCodes } from '../../src/abi/errno.js'
import * as limits from '../../src/abi/limits.js'

await t.test('each reason has a name of its own, a sentence and what to do', async t => {
  t.equal(new Set(endReasons).size, endReasons.length)
  const sentences = new Set<string>()
  for (const reason of endReasons) {
    const info = endReasonInfo(reason)
    t.equal(info.reason, reason)
    t.match(reason, /^[a-z]+(-[a-z]+)*$/)
    for (const text of [info.sentence, info.remedy]) {
      t.match(text, /^["A-Za-z].*[^.]$/, reason)
    }
    sentences.add(info.sentence)
  }
  t.equal(sentences.size, endReasons.length, 'no sentence stands for two')
})

await t.test('what the daemon ends it tells by a code, and what the client ends it does not', t => {
  for (const reason of endReasons) {
    const { by, code } = endReasonInfo(reason)
    t.equal(code === null, by === 'client', reason)
    if (code !== null) t.ok(errorCodes.includes(code), reason)
  }
  t.end()
})

await t.test('the limits it names are there', t => {
  const known = new Set([...Object.keys(limits), ...Object.keys(limits.defaultLimits)])
  for (const reason of endReasons) {
    const { limit } = endReasonInfo(reason)
    if (limit !== undefined) t.ok(known.has(limit), `${reason}: ${limit}`)
  }
  t.end()
})
