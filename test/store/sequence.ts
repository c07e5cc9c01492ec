import t from 'tap'
import { Sequence } from '../../src/store/sequence.js'
import { openTestDatabase } from './fixtures/open-test-store.js'

await t.test('a sequence starts at 0 and only ever rises', async t => {
  const sequence = new Sequence(openTestDatabase(t), 'thing')
  t.equal(sequence.last(), 0)
  sequence.raise(7)
  t.equal(sequence.last(), 7)
  sequence.raise(3)
  t.equal(sequence.last(), 7)
})

await t.test('sequences are apart and a database keeps them', async t => {
  const db = openTestDatabase(t)
  new Sequence(db, 'thing').raise(4)
  t.equal(new Sequence(db, 'other').last(), 0)
  t.equal(new Sequence(db, 'thing').last(), 4)
})
