import t from 'tap'
import { InquiryTasks } from '../../../src/control/policy/inquiry-tasks.js'
import { revisionOf } from '../../store/fixtures/rules.js'

void t.test('domains come, change and go, and each answer knows those there are', t => {
  const work = new InquiryTasks({ kind: 'inquiries', rulesMax: 10 })
  const of = { revision: 3, ...revisionOf('a') }
  const edit = (source: string): { readonly ok: boolean } => {
    const rules = [{ action: 'accept', source, destination: '*:*' }]
    const bytes = Buffer.from(JSON.stringify({ rules }))
    return work.plan({ kind: 'request', bytes }, of, [], [], 0)
  }
  t.notOk(edit('7:1').ok, 'no domain has this number')
  work.setDomains([{ name: 'web', id: 7 as never, tags: [] }])
  t.ok(edit('7:1').ok)
  work.dropDomain('web')
  t.notOk(edit('7:1').ok)
  t.end()
})
