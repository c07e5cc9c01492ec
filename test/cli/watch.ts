import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { daemon, ended, run } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = { 'a.yaml': 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n' }

await t.test('a listing is printed again, with what has changed, until it fails', async t => {
  const place = await daemon(t, t.testdir(policy))
  await place.v4v(['domain', 'add', 'web'])
  const table = place.start(['domain', 'ls', '--watch', '0.1'])
  const yaml = place.start(['domain', 'ls', '--watch', '0.1', '-o', 'yaml'])
  const both = Promise.all([ended(table), ended(yaml)])
  await Promise.all([shows(table.stdout!, 'web '), shows(yaml.stdout!, 'name: web')])
  await place.v4v(['domain', 'add', 'db'])
  await Promise.all([shows(table.stdout!, 'db '), shows(yaml.stdout!, 'name: db')])
  place.child.kill('SIGTERM')
  const [asTable, asYaml] = await both
  t.same([asTable.code, asYaml.code], [1, 1])
  t.match(asTable.stderr, /^v4v: [^\n]+\n$/)
  t.match(asTable.stdout, /^NAME [^]*\n\nNAME [^]*\ndb /)
  // The last one was begun, and then there was no daemon.
  const lists = parseAllDocuments(asYaml.stdout).map(each => each.toJS() as { name: string }[])
  t.match(lists[0], [{ name: 'web' }])
  t.match(lists.at(-2), [{ name: 'db' }, { name: 'web' }])
})

await t.test('a time that makes no sense is refused', async t => {
  for (const seconds of ['0', '0.01', 'web', '86401']) {
    const { code, stderr } = await run(['token', 'ls', '--watch', seconds])
    t.equal(code, 2)
    t.match(stderr, /it must be a number of seconds from 0\.1 up/)
  }
})

/** Waits until a stream has said something. */
function shows(stream: NodeJS.ReadableStream, text: string): Promise<void> {
  let said = ''
  return new Promise(resolve => {
    stream.on('data', chunk => {
      said += String(chunk)
      if (said.includes(text)) resolve()
    })
  })
}
