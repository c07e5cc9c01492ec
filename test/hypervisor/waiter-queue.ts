import t from 'tap'
import { WaiterQueue } from '../../src/hypervisor/waiter-queue.js'
import { Machine } from './fixtures/machine.js'

const machine = new Machine()
const [a, a2, b, c] = ['a', 'a', 'b', 'c'].map(name => machine.client(name).session)
const anyShare = (): number => Infinity

await t.test(
  'those for whom there is space are called in the order in which they came',
  async t => {
    const queue = new WaiterQueue()
    queue.add(b!, 32)
    queue.add(a!, 16)
    queue.add(c!, 64)
    t.same([queue.size, queue.sessions()], [3, [b, a, c]])
    t.same(queue.call(48, anyShare), [b, a])
    t.equal(queue.size, 1)
    t.same(queue.call(48, anyShare), [], 'one that is too large holds up those behind it')
    t.same(queue.call(64, anyShare), [c])
  },
)

await t.test('one beyond its share is passed over', async t => {
  const queue = new WaiterQueue()
  queue.add(a!, 32)
  queue.add(b!, 32)
  t.same(
    queue.call(100, waiter => (waiter.session === a ? 16 : 100)),
    [b],
  )
  t.same(queue.sessions(), [a, b])
})

await t.test('a session waits once, for what it wanted last', async t => {
  const queue = new WaiterQueue()
  queue.add(a!, 64)
  queue.add(b!, 16)
  queue.add(a!, 16)
  t.same([queue.size, queue.sizeOf(a!), queue.sizeOf(c!)], [2, 16, undefined])
  t.same(queue.call(16, anyShare), [a])
})

await t.test('a domain claims as long as one of its sessions waits or was called', async t => {
  const queue = new WaiterQueue()
  queue.add(a!, 16)
  queue.add(a2!, 16)
  t.same([...queue.domains], [[a!.domain.id, 2]])
  t.same(queue.call(16, anyShare), [a])
  t.same([...queue.domains], [[a!.domain.id, 2]])
  t.equal(queue.comeBack(a!), true)
  t.equal(queue.comeBack(a!), false)
  t.equal(queue.comeBack(a2!), false, 'one that waits was not called')
  t.same([...queue.domains], [[a!.domain.id, 1]])
  t.equal(queue.remove(a2!), true)
  t.equal(queue.remove(a2!), false)
  t.same([queue.size, queue.domains.size, queue.sessions()], [0, 0, []])
})

await t.test('one that was called and waits again goes to the end', async t => {
  const queue = new WaiterQueue()
  queue.add(a!, 16)
  queue.call(16, anyShare)
  queue.add(b!, 16)
  queue.add(a!, 16)
  t.same(queue.sessions(), [b, a])
  t.same([...queue.domains.values()], [1, 1])
})
