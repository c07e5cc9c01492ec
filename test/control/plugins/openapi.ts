import t from 'tap'
import { buildTestApp } from '../fixtures/build-app.js'

interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, { readonly content?: object }>>
}

void t.test('each operation has an id of its own and says how it answers, errors too', async t => {
  const { call } = buildTestApp(t)
  const answer = await call('GET', '/openapi.json')
  const { openapi, paths } = JSON.parse(answer.text) as Description
  t.match(openapi, /^3\./)
  const operations = Object.values(paths).flatMap(methods => Object.values(methods))
  t.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length)
  for (const { operationId, responses } of operations) {
    const [success, ...others] = Object.keys(responses)
    t.match(success, /^20[01]$/, operationId)
    t.strictSame(others.slice(-2), ['4XX', '5XX'], operationId)
    t.ok(
      Object.values(responses).every(({ content = {} }) => Object.keys(content).length > 0),
      operationId,
    )
  }
})

void t.test('what goes on as server-sent events is described as such', async t => {
  const { call } = buildTestApp(t)
  const { paths } = JSON.parse((await call('GET', '/openapi.json')).text) as Description
  for (const path of ['/v1/flows', '/v1/asks']) {
    const { content = {} } = paths[path]!['get']!.responses['200']!
    t.strictSame(Object.keys(content), ['application/json', 'text/event-stream'], path)
  }
})
