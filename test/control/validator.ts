import t from 'tap'
import Type from 'typebox'
import { validatorOf } from '../../src/control/validator.js'

const schema = Type.Object({ id: Type.Integer({ minimum: 1 }), name: Type.Optional(Type.String()) })
const check = (httpPart: string, value: object): unknown => {
  const validate = validatorOf({ schema, httpPart, method: 'GET', url: '/' }) as (
    value: object,
  ) => { readonly value?: unknown }
  return validate(value).value
}

void t.test('a whole number in a path or a query is taken as it is written', t => {
  for (const part of ['params', 'querystring']) {
    t.strictSame(check(part, { id: '17', name: '17' }), { id: 17, name: '17' })
    const others = ['', 'true', '1.9', '1.0', '1e0', '0x1', '01', ' 1', '1n', '-1', '9'.repeat(16)]
    for (const id of others) t.equal(check(part, { id }), undefined, id)
    t.equal(check(part, { id: ['1', '2'] }), undefined)
    t.equal(check(part, {}), undefined)
  }
  t.end()
})

void t.test('in other parts nothing is taken for something else', t => {
  t.strictSame(check('body', { id: 17 }), { id: 17 })
  t.equal(check('body', { id: '17' }), undefined)
  t.end()
})
