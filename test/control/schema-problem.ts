import t from 'tap'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('each field that is wrong is named with what was expected of it', async t => {
  const { call } = buildTestApp(t)
  const cases: [body: unknown, field: string, message: RegExp][] = [
    [{ source: 'a:1', destination: 'b:1' }, 'action', /"action" is missing in the body/],
    [
      { action: 'allow', source: 'a:1', destination: 'b:1' },
      'action',
      /must be one of "accept", "reject", "drop"/,
    ],
    [{ action: 'accept', source: 1, destination: 'b:1' }, 'source', /"source" in the body/],
    [
      { action: 'accept', source: 'a:1', destination: 'b:1', shade: 'blue' },
      'shade',
      /"shade" in the body is not known: the body takes .*action/,
    ],
  ]
  for (const [body, field, message] of cases) {
    const answer = await call('POST', '/v1/rules', body)
    t.equal(answer.status, 400)
    t.equal(answer.body.code, 'EINVAL')
    t.match(answer.body.details, [{ field, message }], field)
  }
})

void t.test('an answer names no more than a few problems', async t => {
  const { call } = buildTestApp(t)
  const body = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, i]))
  const answer = await call('POST', '/v1/domains', { name: 1, tags: 1, ...body })
  t.equal(answer.status, 400)
  t.ok(answer.text.length < 20_000)
})
