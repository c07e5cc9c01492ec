import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Check } from 'typebox/value'
import { parse } from 'yaml'
import { formatPolicyDocument } from '../../src/policy/document.js'
import { formatSchema, PolicySchema } from '../../src/policy/schema.js'
import { policy } from './fixtures/arbitraries.js'

await t.test('the schema that is published is this one', async t => {
  t.equal(readFileSync(join('policy', 'schema.json'), 'utf8'), formatSchema())
})

await t.test('every policy that can be written fits the schema', async () => {
  fc.assert(
    fc.property(policy, some => Check(PolicySchema, parse(formatPolicyDocument(some)))),
    { numRuns: 100 },
  )
})

await t.test('the policies that are shipped fit it, and tell an editor where it is', async t => {
  for (const folder of ['policy', join('policy', 'examples')]) {
    for (const name of readdirSync(folder).filter(each => each.endsWith('.yaml'))) {
      const text = readFileSync(join(folder, name), 'utf8')
      t.ok(Check(PolicySchema, parse(text)), name)
      const schema = folder === 'policy' ? './schema.json' : '../schema.json'
      t.ok(text.includes(`# yaml-language-server: $schema=${schema}\n`), name)
    }
  }
})

await t.test('what an editor should underline does not fit', async t => {
  const wrong = [
    {},
    { roles: [] },
    { rules: {} },
    { rules: [{}] },
    { rules: [{ accept: 'web -> db:1' }] },
    { rules: [{ accept: 'a:1 -> b:2', drop: 'a:1 -> b:2' }] },
    { rules: [{ accept: 'a:1 -> b:2', type: 'tcp' }] },
    { rules: [{ accept: 'a:1 -> b:2', rate: '5/d' }] },
    { rules: [{ accept: 'a:1 -> b:2', burst: 0 }] },
    { rules: [{ accept: 'a:1 -> b:2', log: 'some' }] },
    { rules: [{ accept: 'a:1 -> b:2', expires: 'soon' }] },
    { rules: [{ accept: 'a:1 -> b:2', color: 'red' }] },
    { sets: { A: [] } },
    { sets: { a: ['*'] } },
    { sets: { a: ['b', 'b'] } },
    { tags: { a: ['B'] } },
    { tests: [{ from: 'a:1', to: 'b:2' }] },
    { tests: [{ from: 'a:1', to: 'b:*', expect: 'drop' }] },
  ]
  for (const document of wrong) t.notOk(Check(PolicySchema, document), JSON.stringify(document))
})
