import t from 'tap'
import { CounterMemory } from '../../src/cli/counter-memory.js'

await t.test('what there was before is known by its name, and nothing of a new one', async t => {
  const memory = new CounterMemory<number>(2)
  memory.keep('web', 5)
  memory.keep('web', 7)
  t.equal(memory.before('web', 9), 7)
  t.equal(memory.before('db', 9), undefined)
})

await t.test('those that have not counted for longest are forgotten', async t => {
  const memory = new CounterMemory<number>(2)
  memory.keep('web', 1)
  memory.keep('db', 2)
  memory.keep('web', 3)
  memory.keep('mail', 4)
  t.equal(memory.before('web', 10), 3)
  t.equal(memory.before('mail', 10), 4)
  t.equal(memory.before('db', 10), 10, 'it may be known from before: nothing has happened since')
})
