import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { ACCEPT_ALL, DGRAM, Machine, payload, policyOf } from '../hypervisor/fixtures/machine.js'

await t.test(
  'once a change of the policy has returned, nothing of a rejected pair arrives',
  async t => {
    const machine = new Machine()
    const web = machine.client('web')
    const [a, b] = ['a', 'b'].map(name => machine.client(name))
    a!.ring(1)
    b!.ring(1)
    const ring = web.ring(80)
    for (let revision = 2; revision < 200; revision++) {
      const isOpen = revision % 3 === 0
      const rules = isOpen ? [ACCEPT_ALL] : ['reject a:* -> web:*', ACCEPT_ALL]
      machine.hypervisor.setPolicy(policyOf(revision, ...rules))
      const expected = isOpen ? 'ok' : 'EPERM'
      t.equal(a!.send('web:80', payload(3)), expected)
      t.equal(a!.run('web:80', [payload(3), payload(4)]).code ?? 'ok', expected)
      t.equal(b!.send('web:80', payload(3)), 'ok')
      const fromA = web.drain(ring).filter(({ source }) => source.domain === a!.session.domain.id)
      t.equal(fromA.length, isOpen ? 3 : 0, `revision ${revision}`)
    }
  },
)

await t.test('other tags bite at once as well', async t => {
  const machine = new Machine(['accept tag:in:* -> tag:out:*'])
  const web = machine.client('web')
  const db = machine.client('db')
  web.ring(80)
  db.ring(1)
  const { hypervisor } = machine
  const try1 = () => db.send('web:80', payload(1))
  t.equal(try1(), 'EPERM')
  hypervisor.setTags(db.session.domain, ['in'])
  t.equal(try1(), 'EPERM')
  hypervisor.setTags(web.session.domain, ['out'])
  t.equal(try1(), 'ok')
  hypervisor.setTags(db.session.domain, [])
  t.equal(try1(), 'EPERM')
})

await t.test('what waited for space when policy changed is not let in by coming back', async t => {
  const machine = new Machine()
  const web = machine.client('web')
  const db = machine.client('db')
  db.ring(1)
  const ring = web.ring(80, 48)
  db.run('web:80', [payload(16), payload(16)])
  machine.hypervisor.setPolicy(policyOf(2))
  t.equal(web.drain(ring).length, 1)
  t.match(db.run('web:80', [payload(16)], { retry: true }), { accepted: 0, code: 'EPERM' })
  t.equal(ring.buffer.usedBytes, 0)
})

await t.test('who is not allowed to send finds out nothing about what is there', async t => {
  const build = (isThere: boolean) => {
    const machine = new Machine(['reject spy:* -> web:*', 'drop spy:* -> db:*', ACCEPT_ALL])
    const spy = machine.client('spy')
    spy.ring(1)
    const told: unknown[] = []
    for (const name of ['web', 'db']) {
      const look = () => {
        const target = machine.target(name)
        const query = { target, port: 80 as Port, spaceRequired: 1 << 20, wantRing: true }
        told.push(machine.hypervisor.notify(spy.session, 1 as Port, [query], DGRAM))
        const { decisionId, ...outcome } = spy.run(`${name}:80`, [payload(3), payload(900)])
        told.push(outcome, decisionId > 0, spy.send(`${name}:80`, payload(900)))
      }
      look()
      if (isThere) {
        const client = machine.client(name)
        client.ring(80, 48)
        look()
        client.end()
        look()
        machine.hypervisor.destroyDomain(client.session.domain)
      } else {
        look()
        look()
      }
    }
    told.push(spy.sink.take())
    return told
  }
  t.same(build(true), build(false))
})
