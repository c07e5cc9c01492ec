import t from 'tap'
import { InquiryTasks } from '../../../src/control/policy/inquiry-tasks.js'
import type { KeptBody } from '../../../src/control/policy/policy-messages.js'
import { revisionOf } from '../../store/fixtures/rules.js'

const setting = { kind: 'inquiries', rulesMax: 2 } as const
const before: KeptBody = { revision: 3, ...revisionOf('a', 'b') }
const after: KeptBody = { revision: 4, ...revisionOf('a') }

function said(json: Uint8Array): unknown {
  return JSON.parse(Buffer.from(json).toString())
}

void t.test('each question is answered about the revision that it is asked of', t => {
  const work = new InquiryTasks(setting)
  t.match(said(work.lint(before, [], undefined, { now: 0, comments: true, unusedMs: undefined })), {
    revision: 3,
    total: Number,
  })
  t.match(said(work.diff(before, after, 0)), { from: 3, to: 4, rules: { removed: 1, added: 0 } })
  const ports = { min: 0, max: 10 }
  for (const way of ['who-can', 'what-can'] as const) {
    t.match(said(work.reach(way, after, [], 'tag:x', ports, 0)), { revision: 4, total: Number })
  }
  t.match(said(work.graph(after, [], 0)), { revision: 4, isWhole: true })
  const asked = {
    source: 'nobody',
    sourcePort: 1,
    destination: 'nowhere',
    destinationPort: 2,
    type: 'dgram',
    size: 0,
  } as const
  t.match(said(work.explain(after, [], { ...asked, isAudited: false }, 0)), { revision: 4 })
  t.end()
})

void t.test('a plan keeps to the limit of rules and says why a policy is refused', t => {
  const work = new InquiryTasks(setting)
  const plan = (rules: number) => {
    const rule = { action: 'accept', destination: 'db:1' }
    const some = Array.from({ length: rules }, (_, i) => ({ ...rule, source: `a${i}:1` }))
    const bytes = Buffer.from(JSON.stringify({ rules: some }))
    return work.plan({ kind: 'request', bytes }, before, [], [], 0)
  }
  const planned = plan(2)
  if (!planned.ok) throw new Error(planned.message)
  t.match(said(planned.json), { revision: 3, status: 'changes', rules: { added: 2, removed: 2 } })
  t.match(plan(3), { ok: false, code: 'ENOSPC' })
  t.end()
})
