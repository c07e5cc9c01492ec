import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DomainSockets } from '../../src/transport/domain-sockets.js'
import { TestHub } from '../fixtures/hub.js'
import { RawUnixClient } from '../fixtures/raw-client.js'

await t.test('each domain has a socket that only its owner can open', async t => {
  const { hub, dir } = new TestHub(t)
  const sockets = new DomainSockets(join(dir, 'domains'), hub)
  t.teardown(() => sockets.closeAll())
  await sockets.open('web')
  await sockets.open('db')
  t.equal(statSync(sockets.pathOf('web')).mode & 0o777, 0o600)
  t.equal(statSync(join(dir, 'domains')).mode & 0o777, 0o711)
  for (const [name, number] of [
    ['web', 1],
    ['db', 2],
  ] as const) {
    const client = new RawUnixClient(sockets.pathOf(name))
    t.equal((await client.hello()).y, number)
    client.end()
  }
})

await t.test("a token is no way around: it must be the socket's domain's", async t => {
  const { hub, dir } = new TestHub(t)
  const sockets = new DomainSockets(join(dir, 'domains'), hub)
  t.teardown(() => sockets.closeAll())
  await sockets.open('web')
  const client = new RawUnixClient(sockets.pathOf('web'))
  t.equal((await client.hello('web')).y, 1)
  client.end()
})

await t.test('the socket of a domain that goes is gone, and can come back', async t => {
  const { hub, dir } = new TestHub(t)
  const sockets = new DomainSockets(join(dir, 'domains'), hub)
  t.teardown(() => sockets.closeAll())
  await sockets.open('web')
  await sockets.open('db')
  sockets.close('web')
  sockets.close('web')
  t.notOk(existsSync(sockets.pathOf('web')))
  await t.rejects(new RawUnixClient(sockets.pathOf('web')).hello())
  await sockets.open('web')
  const client = await RawUnixClient.attach(sockets.pathOf('web'))
  client.end()
  sockets.closeAll()
  t.same(readdirSync(join(dir, 'domains')), [])
})

await t.test('sockets that a dead daemon left are removed, other files are not', t => {
  const { hub, dir } = new TestHub(t)
  mkdirSync(join(dir, 'domains'))
  writeFileSync(join(dir, 'domains', 'gone.sock'), '')
  writeFileSync(join(dir, 'domains', 'notes'), '')
  new DomainSockets(join(dir, 'domains'), hub)
  t.same(readdirSync(join(dir, 'domains')), ['notes'])
  t.end()
})
