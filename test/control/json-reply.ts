import fastify from 'fastify'
import t from 'tap'
import { sendJson, sendPages } from '../../src/control/json-reply.js'
import { jsonBytes } from '../../src/control/policy/json-bytes.js'
import { withTurns } from './fixtures/turns.js'

await t.test('JSON that is written already is sent whole, be it short or long', async t => {
  const values = { short: ['caf\u00e9'], long: Array.from({ length: 50_000 }, (_, i) => i) }
  const app = fastify()
  app.get<{ Params: { name: keyof typeof values } }>('/:name', ({ params }, reply) =>
    sendJson(reply, jsonBytes(values[params.name])),
  )
  t.teardown(() => app.close())
  for (const [name, value] of Object.entries(values)) {
    const { headers, rawPayload, payload } = await app.inject(`/${name}`)
    t.equal(headers['content-type'], 'application/json; charset=utf-8')
    t.equal(Number(headers['content-length']), rawPayload.length)
    t.same(JSON.parse(payload), value)
  }
})

await t.test('pages of a list are one list, and others get their turn between them', async t => {
  const lists = {
    none: [],
    one: [[{ a: 1 }]],
    many: Array(300).fill([{ b: 'é' }, { c: 'x'.repeat(400) }]),
  }
  const app = fastify()
  app.get<{ Params: { name: keyof typeof lists } }>('/:name', ({ params }, reply) =>
    sendPages(reply, params.name, lists[params.name] as object[][]),
  )
  t.teardown(() => app.close())
  for (const [name, pages] of Object.entries(lists)) {
    const [answer, turns] = await withTurns(async () => app.inject(`/${name}`))
    const { headers, rawPayload, payload } = answer
    t.equal(headers['content-type'], 'application/json; charset=utf-8')
    t.equal(Number(headers['content-length']), rawPayload.length)
    t.same(JSON.parse(payload), { [name]: pages.flat() })
    t.ok(turns > pages.length)
  }
})
