import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LinkWatch, type Watched } from '../../src/transport/link-watch.js'

const polling = { us: 0, yieldProcessor: () => undefined }

/** A link that has something for so many looks. */
class FakeLink implements Watched {
  looks = 0
  bells = 0
  isAsleep = true
  left: number

  constructor(left: number) {
    this.left = left
  }

  look(): boolean {
    this.looks++
    this.isAsleep = false
    return this.left-- > 0
  }

  sleep(): boolean {
    this.isAsleep = true
    return true
  }

  ring(): void {
    this.bells++
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

await t.test('a link is looked at until nothing is there, and then sleeps', async t => {
  const watch = new LinkWatch(polling)
  const link = new FakeLink(3)
  watch.came(100)
  watch.stir(link)
  await turns(8)
  t.equal(link.looks, 4)
  t.ok(link.isAsleep)
  await turns(3)
  t.equal(link.looks, 4, 'an idle daemon looks at nothing')
})

await t.test('a link that is forgotten is looked at no more', async t => {
  const watch = new LinkWatch(polling)
  const [gone, other] = [new FakeLink(9), new FakeLink(3)]
  watch.stir(gone)
  watch.stir(other)
  watch.forget(gone)
  await turns(8)
  t.equal(gone.looks, 0)
  t.equal(other.looks, 4)
  watch.stir(other)
  watch.stop()
  await turns(3)
  t.equal(other.looks, 4, 'nor is any when the daemon stops')
})

await t.test('who sleeps is woken at once where messages come one by one', async t => {
  const watch = new LinkWatch(polling)
  const link = new FakeLink(3)
  watch.ring(link)
  t.equal(link.bells, 1, 'while nothing else happens')
  watch.came(1)
  watch.stir(link)
  watch.ring(link)
  t.equal(link.bells, 2)
  await turns(8)
})

await t.test('in a stream who sleeps is woken for several looks, or when it ends', async t => {
  const watch = new LinkWatch(polling)
  const sender = new FakeLink(7)
  const receiver = new FakeLink(0)
  watch.came(1000)
  watch.stir(sender)
  await turn() // the first look shows that it is one
  const bells: number[] = []
  for (let i = 0; i < 10; i++) {
    if (sender.left > 0) watch.ring(receiver)
    await turn()
    bells.push(receiver.bells)
  }
  t.equal(bells[0], 0)
  t.equal(bells.at(-1), 2, `once in a while: ${bells.join(' ')}`)
})

await t.test('after something came over a socket it looks for more, if it may poll', async t => {
  let yields = 0
  const watch = new LinkWatch({ us: 100, yieldProcessor: () => yields++ })
  watch.came(1)
  while (yields < 3) {
    watch.heard()
    await turn()
  }
  await new Promise(resolve => setTimeout(resolve, 5))
  const before = yields
  await turns(20)
  t.equal(yields, before, 'and then no more')
  watch.came(100)
  watch.heard()
  await turns(5)
  t.equal(yields, before, 'nor after many messages at once')
  while (yields === before) {
    watch.came(1)
    watch.heard()
    await turn()
  }
  t.pass('but again when they come one by one')
  const idle = new LinkWatch({ us: 0, yieldProcessor: () => t.fail('it must not poll') })
  idle.heard()
  await turns(5)
})
