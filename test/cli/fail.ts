import t from 'tap'
import {
  errorCode,
  errorLine,
  errorText,
  EXIT,
  failed,
  refused,
  usage,
} from '../../src/cli/fail.js'

await t.test('an error is one line, whatever is in it', async t => {
  t.equal(errorLine(failed('it broke', 'mend it')), 'v4v: it broke; mend it')
  t.equal(errorLine(new Error('one\n  two\u001b[2J')), 'v4v: one two\\x1b[2J')
  t.equal(errorLine('text'), 'v4v: text')
})

await t.test('an error that says nothing itself is asked for what it gathers', async t => {
  const gathered = new AggregateError([new Error('connect ECONNREFUSED')], '')
  t.equal(errorText(gathered), 'connect ECONNREFUSED')
  t.equal(errorText(new TypeError('')), 'TypeError')
})

await t.test('each kind of failure has its exit code', async t => {
  t.equal(failed('x').exitCode, EXIT.failed)
  t.equal(usage('x').exitCode, EXIT.usage)
  t.equal(refused('x').exitCode, EXIT.refused)
})

await t.test('the code of an error is read where there is one', async t => {
  t.equal(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT')
  t.equal(errorCode(Object.assign(new Error('x'), { code: 7 })), undefined)
  t.equal(errorCode(null), undefined)
})
