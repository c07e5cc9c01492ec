import t from 'tap'
import Type from 'typebox'
import { finishDescription, operationId } from '../../src/control/api-description.js'

const Rule = Type.Object({ action: Type.Enum(['accept', 'drop']), hits: Type.Integer() })
const Sets = Type.Object({ sets: Type.Record(Type.String(), Type.String()), rule: Rule })
const other = { type: 'object', properties: { action: {}, hits: {} } }

const operation = (schema: unknown, body?: unknown): object => ({
  ...(body !== undefined && {
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
  }),
  responses: {
    200: { description: 'Default Response', content: { 'application/json': { schema } } },
    '4XX': { description: 'an error' },
  },
})

void t.test('a schema with a name is stated once and referred to', async t => {
  const before = {
    openapi: '3.1.0',
    components: { securitySchemes: {}, schemas: {} },
    paths: {
      '/v1/rules/{id}': { get: operation(Rule) },
      '/v1/sets': { get: operation(Type.Array(Sets)), put: operation(other) },
    },
  }
  const text = JSON.stringify(before)
  const { components, paths } = finishDescription(before, { Rule, Sets })
  t.equal(JSON.stringify(before), text, 'what it is made from stays')
  const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
  t.strictSame(components, {
    securitySchemes: {},
    schemas: {
      Rule: {
        type: 'object',
        required: ['action', 'hits'],
        properties: {
          action: { type: 'string', enum: ['accept', 'drop'] },
          hits: { type: 'integer' },
        },
      },
      Sets: {
        type: 'object',
        required: ['sets', 'rule'],
        properties: {
          sets: { type: 'object', additionalProperties: { type: 'string' } },
          rule: ref('Rule'),
        },
      },
    },
  })
  const answers = {
    '/v1/rules/{id}': { get: { operationId: 'getRulesById', ...answered(ref('Rule')) } },
    '/v1/sets': {
      get: {
        operationId: 'getSets',
        ...answered({ type: 'array', items: ref('Sets') }),
      },
      put: { operationId: 'putSets', ...answered(other) },
    },
  }
  t.strictSame(paths, answers)
})

function answered(schema: unknown): object {
  return {
    responses: {
      200: { description: 'OK', content: { 'application/json': { schema } } },
      '4XX': { description: 'an error' },
    },
  }
}

void t.test('a body that may be null may be left out, and no other', async t => {
  const api = (body: unknown): unknown => {
    const paths = { '/v1/rules': { post: operation(Rule, body) } }
    const finished = finishDescription({ paths }, {})
    return (finished['paths'] as typeof paths)['/v1/rules'].post
  }
  const reason = { type: 'object', properties: {} }
  t.match(api({ anyOf: [reason, { type: 'null' }] }), {
    requestBody: { required: false, content: { 'application/json': { schema: reason } } },
  })
  t.match(api({ anyOf: [reason, { type: 'string' }] }), { requestBody: { required: true } })
  t.match(api(reason), { requestBody: { required: true } })
})

void t.test('the id of an operation is its method and its path', async t => {
  t.equal(operationId('get', '/livez'), 'getLivez')
  t.equal(operationId('get', '/v1/policy/who-can'), 'getPolicyWhoCan')
  t.equal(
    operationId('delete', '/v1/sets/{name}/elements/{element}'),
    'deleteSetsByNameElementsByElement',
  )
})
