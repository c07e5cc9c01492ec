import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../src/store/store.js'

void t.test('what was saved is there again, by its number, until it is forgotten', t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const options = { now: () => 0, randomBytes: (count: number) => randomBytes(count) }
  const first = openStore(path, options)
  t.strictSame(first.disconnects.load(), [])
  first.disconnects.save(
    [
      { seq: 12, body: '{"b":2}' },
      { seq: 9, body: '{"a":1}' },
    ],
    [],
  )
  first.disconnects.save([{ seq: 13, body: '{}' }], [12, 7])
  first.close()
  const second = openStore(path, options)
  t.teardown(() => second.close())
  t.strictSame(second.disconnects.load(), [
    { seq: 9, body: '{"a":1}' },
    { seq: 13, body: '{}' },
  ])
  t.end()
})
