import t from 'tap'
import type { PolicyEdit } from '../../../src/control/policy/policy-messages.js'
import { unpackTable } from '../../../src/control/policy/packed-table.js'
import { PolicyTasks } from '../../../src/control/policy/policy-tasks.js'
import { Membership } from '../../../src/policy/membership.js'
import { decodePolicy } from '../../../src/store/policy-body.js'
import { hashOf } from '../../../src/store/revision-store.js'
import { revisionOf } from '../../store/fixtures/rules.js'

const rule = { action: 'accept', source: 'web:*', destination: 'db:1' } as const
const options = { now: 0, skipTests: false }

function said(json: Uint8Array): unknown {
  return JSON.parse(Buffer.from(json).toString())
}

function tasks(): PolicyTasks {
  const { format, body } = revisionOf('a', 'b')
  return new PolicyTasks({
    kind: 'changes',
    inForce: { format, body },
    revision: 4,
    lastRuleNumber: 7,
    rulesMax: 10,
  })
}

void t.test('a candidate is made and adopted', t => {
  const work = tasks()
  const prepared = work.prepare({ kind: 'insert', rule, position: 2 }, options)
  if (!prepared.ok) throw new Error(prepared.message)
  t.match(prepared, {
    id: 'r8',
    lastRuleNumber: 8,
    change: { gone: { length: 0 }, added: 1, changed: 0 },
    sets: undefined,
  })
  const table = unpackTable(prepared.table, 5, new Membership())
  t.match(table.rules, [{ id: 'a' }, { id: 'r8' }, { id: 'b' }])
  t.ok(hashOf(prepared.body).equals(prepared.hash))
  t.match(decodePolicy(prepared.format, prepared.body), { rules: [{}, { id: 'r8' }, {}] })
  work.adopt(5)
  t.match(said(work.view(false).json), { revision: 5, rules: [{}, { id: 'r8' }, {}] })
  t.match(said(work.view(true).json), { revision: 5, documents: [{ text: /id: r8/ }] })
  t.equal(work.adopt(6), false, 'there is no candidate any more')
  t.end()
})

void t.test('a candidate that is discarded leaves no trace', t => {
  const work = tasks()
  work.prepare({ kind: 'remove', id: 'a' }, options)
  work.discard()
  work.adopt(5)
  t.match(said(work.view(false).json), { revision: 4, rules: [{ id: 'a' }, { id: 'b' }] })
  t.end()
})

void t.test('edits are refused as values', t => {
  const work = tasks()
  work.setDomains([{ name: 'web', id: 7 as never, tags: [] }])
  const codeOf = (edit: PolicyEdit): string | undefined => {
    const prepared = work.prepare(edit, options)
    return prepared.ok ? undefined : prepared.code
  }
  t.equal(codeOf({ kind: 'remove', id: 'x' }), 'ENOENT')
  t.equal(codeOf({ kind: 'update', id: 'a', patch: { source: 'x' } }), 'EINVAL')
  t.equal(codeOf({ kind: 'insert', rule: { ...rule, source: '8:1' } }), 'EINVAL')
  t.equal(codeOf({ kind: 'insert', rule: { ...rule, source: '7:1' } }), undefined)
  work.dropDomain('web')
  t.equal(codeOf({ kind: 'insert', rule: { ...rule, source: '7:1' } }), 'EINVAL')
  t.equal(codeOf({ kind: 'request', bytes: Buffer.from('{') }), 'EINVAL')
  t.equal(codeOf({ kind: 'request', bytes: Buffer.from('{"rules":[]}') }), undefined)
  t.equal(codeOf({ kind: 'restore', format: 2, body: Buffer.from('x') }), 'EINVAL')
  t.equal(codeOf({ kind: 'restore', ...revisionOf('z') }), undefined)
  t.end()
})

void t.test('a rule that a test forbids is told with the line where the test stands now', t => {
  const work = tasks()
  const text = [
    'rules:',
    '  - accept: x:1 -> y:1',
    'tests: [{ from: web:1, to: db:1, expect: reject }, { from: web:1, to: db:2, expect: reject }]',
  ].join('\n')
  const bytes = Buffer.from(JSON.stringify({ documents: [{ name: 'a.yaml', text }] }))
  t.equal(work.prepare({ kind: 'request', bytes }, options).ok, true)
  work.adopt(5)
  t.match(work.prepare({ kind: 'insert', rule, position: 1 }, options), {
    ok: false,
    message: /^1 of the 2 tests of the policy fails: a\.yaml:3: web:1 -> db:1: /,
  })
  t.end()
})

void t.test('it starts with nothing, and not with what can not be read', t => {
  const setting = { kind: 'changes', revision: 0, lastRuleNumber: 0, rulesMax: 1 } as const
  const work = new PolicyTasks({ ...setting, inForce: undefined })
  t.match(said(work.view(false).json), { revision: 0, rules: [] })
  const inForce = { format: 2, body: Buffer.from('x') }
  t.throws(() => new PolicyTasks({ ...setting, inForce }), /can't be read/)
  t.end()
})

void t.test(
  'rules in force are listed with what they have counted, those of another revision not',
  t => {
    const work = tasks()
    const counted = Float64Array.of(3, 30, 0, 0, 0, 0, 0, 4, 40, 0, 0, 0, 0, 0)
    const shown = { now: 0, hitSince: 0, limit: Infinity }
    t.match(said(work.list(4, 1, counted, shown)!), {
      revision: 4,
      total: 2,
      rules: [{ id: 'b', position: 2, hits: 3 }],
      default: { hits: 4 },
    })
    t.equal(work.list(3, 0, counted, shown), undefined)
    t.end()
  },
)
