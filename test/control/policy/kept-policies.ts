import t from 'tap'
import {
  KeptPolicies,
  policyOf,
  unpacked,
  withLive,
} from '../../../src/control/policy/kept-policies.js'
import { BODY_FORMAT, encodePolicy } from '../../../src/store/policy-body.js'
import { policyOf as policyWith } from '../../store/fixtures/rules.js'

const policy = policyWith('a', 'b')
const body = { format: BODY_FORMAT, body: encodePolicy(policy) }

void t.test('a revision is unpacked once, as long as few others are asked for', t => {
  const kept = new KeptPolicies()
  const first = kept.get({ revision: 1, ...body })
  t.same(
    first.rules.map(({ id }) => id),
    ['a', 'b'],
  )
  t.equal(kept.get({ revision: 1, ...body }), first)
  for (const revision of [2, 3, 4, 5]) kept.get({ revision, ...body })
  t.not(kept.get({ revision: 1, ...body }), first)
  t.end()
})

void t.test('a body that is not what was written says so', t => {
  const damaged = { format: BODY_FORMAT, body: Buffer.from('x') }
  t.type(policyOf(damaged), 'string')
  t.equal(policyOf('it is not kept'), 'it is not kept')
  t.throws(() => unpacked(damaged), /can't be read/)
  t.end()
})

void t.test('what was put into sets by hand is in them', t => {
  const sets = [{ name: 'guests', elements: [] }]
  const live = [
    { set: 'guests', element: 'bob', expiresAt: 9 },
    { set: 'guests', element: 'not an element' },
    { set: 'others', element: 'eve' },
  ] as never
  const [guests] = withLive({ ...policy, sets } as never, live).sets
  t.match(guests?.elements, [{ kind: 'name', name: 'bob', expires: 9 }])
  t.equal(guests?.elements.length, 1)
  t.equal(withLive(policy, []), policy)
  t.end()
})
