import t from 'tap'
import { buildTestApp } from '../fixtures/build-app.js'

interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, { responses: object }>>>>
}

void t.test('the description names the paths, each with its answers', async t => {
  const { call } = buildTestApp(t)
  const answer = await call('GET', '/openapi.json')
  const { openapi, paths } = JSON.parse(answer.text) as Description
  t.match(openapi, /^3\./)
  for (const path of ['/v1/domains', '/v1/rules/{id}', '/v1/policy', '/v1/flows', '/livez']) {
    const methods = Object.values(paths[path] ?? {})
    t.ok(methods.length > 0, path)
    t.ok(methods.every(({ responses }) => Object.keys(responses).length > 0))
  }
})
