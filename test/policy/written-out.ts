import t from 'tap'
import { documentedPolicy } from '../../src/policy/document.js'
import { writtenOut } from '../../src/policy/written-out.js'

await t.test('every rule gets lines of its own and says its id', async t => {
  const policy = documentedPolicy([
    {
      name: 'b.yaml',
      text: '\ufeff"rules": [ { drop: a:* -> b:1 }, # one\n {id: x, drop: a:* -> b:1} ]\n',
    },
    { name: 'a.yaml', text: 'rules: []\nsets: { s: [a] } # as it is\n' },
    { name: 'c.yaml', text: 'rules:\n  # why\n  - drop: a:* -> b:1' },
  ])!
  const plain = writtenOut(policy)!
  t.strictSame(
    plain.documents.map(({ text }) => text),
    [
      'rules: []\nsets: { s: [a] } # as it is\n',
      'rules:\n  - id: drop-a-b.1\n    drop: a:* -> b:1\n    # one\n  - id: x\n    drop: a:* -> b:1\n',
      'rules:\n  # why\n  - id: drop-a-b.1-2\n    drop: a:* -> b:1\n',
    ],
  )
  t.strictSame(
    plain.rules.map(({ id, place }) => [id, place]),
    [
      ['drop-a-b.1', { file: 'b.yaml', line: 2 }],
      ['x', { file: 'b.yaml', line: 5 }],
      ['drop-a-b.1-2', { file: 'c.yaml', line: 3 }],
    ],
  )
})

await t.test('documents that do not say what the rules say are left alone', async t => {
  const policy = documentedPolicy([{ name: 'a', text: 'rules: [{ drop: a:* -> b:1 }]' }])!
  t.equal(writtenOut({ ...policy, rules: [] }), undefined)
  t.equal(writtenOut({ ...policy, documents: [{ name: 'a', text: 'rules: 5' }] }), undefined)
})

await t.test('lines end as they did', async t => {
  const policy = documentedPolicy([
    { name: 'a', text: 'rules: # all\r\n- drop: a:* -> b:1 # x\r\n' },
  ])!
  t.equal(
    writtenOut(policy)!.documents[0]!.text,
    'rules:\r\n  # all\r\n  - id: drop-a-b.1\r\n    drop: a:* -> b:1 # x\r\n',
  )
})
