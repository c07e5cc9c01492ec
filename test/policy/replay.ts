import fc from 'fast-check'
import t from 'tap'
import { PORT_EPHEMERAL_MAX, PORT_EPHEMERAL_MIN } from '../../src/abi/addr.js'
import { explain } from '../../src/policy/explain.js'
import { Membership } from '../../src/policy/membership.js'
import { PolicyTable } from '../../src/policy/policy-table.js'
import { Replay, REPLAYED_MAX, type ReplayResult } from '../../src/policy/replay.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { DEFAULT_ID, type Rule } from '../../src/policy/rule.js'
import { standingOf, type SeenFlow } from '../../src/policy/seen-flow.js'
import type { Subject } from '../../src/policy/subject.js'
import { evaluate } from '../../src/policy/verdict.js'
import { rules as someRules } from './fixtures/arbitraries.js'
import { seen, seenFlow } from './fixtures/seen-flows.js'

function tableOf(...texts: string[]): PolicyTable {
  const rules = texts.map((text, index): Rule => {
    const read = parseRule(text)
    if (!read.ok) throw new Error(`${text}: ${read.message}`)
    return { id: `n${index + 1}`, ...read.rule }
  })
  return new PolicyTable(1, rules)
}

function subjects(tags: Record<string, readonly string[]> = {}): (name: string) => Subject {
  const known = new Map<string, Subject>()
  return name => {
    const subject = known.get(name) ?? { name, tags: tags[name] ?? [] }
    known.set(name, subject)
    return subject
  }
}

function replayed(
  candidate: PolicyTable,
  flows: readonly SeenFlow[],
  before?: PolicyTable,
): ReplayResult {
  const replay = new Replay(candidate, before, subjects({ c: ['x'] }))
  for (const flow of flows) replay.add(flow)
  return replay.result()
}

const none = { flows: 0, datagrams: 0, listed: [] }

await t.test('what is treated as before is not listed', async t => {
  const flows = [seen('a:1 -> b:80', { datagrams: 7 }), seen('a:1 -> b:81', { effect: 'drop' })]
  t.same(replayed(tableOf('audit a:* -> b:80', 'reject *:* -> *:*'), flows), {
    flows: 2,
    datagrams: 8,
    newlyRefused: none,
    newlyAdmitted: none,
    newlyAsked: none,
    uncertain: none,
  })
})

await t.test('what is treated otherwise is listed, with who decided and who would', async t => {
  const result = replayed(tableOf('accept tag:x:* -> b:*', 'ask a:* -> b:81'), [
    seen('a:1 -> b:80', { datagrams: 3, bytes: 5, lastAt: 9_000 }),
    seen('a:1 -> b:81', { effect: 'audit', rule: 'r7' }),
    seen('c:1 -> b:80', { effect: 'reject', rule: DEFAULT_ID }),
    seen('c:1 -> b:80', { effect: 'limit' }),
  ])
  const ends = { source: 'a', sourcePort: 1, destination: 'b', destinationPort: 80, type: 'dgram' }
  t.same(result.newlyRefused, {
    flows: 1,
    datagrams: 3,
    listed: [
      {
        ...ends,
        before: { verdict: 'accept', rule: 'r1' },
        after: { verdict: 'reject', rule: DEFAULT_ID },
        datagrams: 3,
        bytes: 5,
        firstAt: 1_000,
        lastAt: 9_000,
      },
    ],
  })
  t.match(result.newlyAsked.listed, [{ before: { rule: 'r7' }, after: { rule: 'n2' } }])
  t.match(result.newlyAdmitted.listed, [{ source: 'c', after: { verdict: 'accept', rule: 'n1' } }])
  t.equal(result.flows, 3)
})

await t.test('a flow that was seen several times is listed once, as it was last', async t => {
  const flows = [
    seen('a:1 -> b:80', { firstAt: 5, lastAt: 6, datagrams: 1, bytes: 1, rule: 'old' }),
    seen('a:1 -> b:80', { firstAt: 8, lastAt: 9, datagrams: 2, bytes: 2, rule: 'new' }),
    seen('a:1 -> b:80', { firstAt: 3, lastAt: 4, datagrams: 4, bytes: 4, rule: 'oldest' }),
    seen('a:1 -> b:81', { datagrams: 9 }),
  ]
  t.match(replayed(tableOf(), flows).newlyRefused, {
    flows: 2,
    datagrams: 16,
    listed: [
      { destinationPort: 81 },
      { before: { rule: 'new' }, firstAt: 3, lastAt: 9, datagrams: 7, bytes: 7 },
    ],
  })
})

await t.test('compared with a table, only what the candidate changes is listed', async t => {
  const flows = [seen('a:1 -> b:80', { effect: 'reject' }), seen('a:1 -> b:81')]
  const before = tableOf('accept *:* -> *:80')
  const result = replayed(tableOf('accept *:* -> *:*'), flows, before)
  t.equal(result.newlyRefused.flows, 0)
  t.match(result.newlyAdmitted.listed, [
    { destinationPort: 81, before: { verdict: 'reject', rule: DEFAULT_ID } },
  ])
})

await t.test('ports that a daemon picks are decided as one, where rules see them so', async t => {
  const flows = [seen('a:picked -> b:80'), seen('b:80 -> a:picked')]
  t.equal(replayed(tableOf('accept a:* -> b:80 replies'), flows).newlyRefused.flows, 0)
  const middle = PORT_EPHEMERAL_MIN + 5
  const fine = tableOf(`accept a:${middle} -> b:80`, `accept b:80 -> a:0-${middle}`)
  t.match(replayed(fine, flows), { uncertain: { flows: 2, datagrams: 2 }, newlyRefused: none })
  const same = tableOf(`accept a:${middle} -> b:80`, `audit a:* -> b:80`, 'accept b:* -> a:*')
  t.match(replayed(same, flows), { uncertain: none, newlyRefused: none })
  const outside = tableOf(`accept a:${PORT_EPHEMERAL_MIN}-${PORT_EPHEMERAL_MAX} -> b:80`)
  t.match(replayed(outside, flows), { uncertain: none, newlyRefused: { flows: 1 } })
  t.match(replayed(outside, flows, fine), { uncertain: { flows: 2 } }, 'either of the two')
})

await t.test('elements of sets divide those ports, too', async t => {
  const set = { kind: 'name', name: 'a', ports: { min: 0, max: PORT_EPHEMERAL_MIN + 9 } } as const
  const membership = new Membership([{ name: 's', elements: [set] }])
  const { rules } = tableOf('accept @s:* -> *:*')
  const table = new PolicyTable(1, rules, membership)
  t.match(replayed(table, [seen('a:picked -> b:80')]), { uncertain: { flows: 1 } })
})

await t.test('rules that divide those ports into too many ranges leave it open', async t => {
  const rules = Array.from(
    { length: 40 },
    (_, i) => `accept a:${PORT_EPHEMERAL_MIN + 10 * i + 1} -> b:80`,
  )
  const flows = [seen('a:picked -> b:81'), seen('a:5 -> b:81')]
  t.match(replayed(tableOf(...rules), flows), {
    uncertain: { flows: 1 },
    newlyRefused: { flows: 1 },
  })
})

await t.test('so many are listed and no more, and all are counted', async t => {
  const flows = Array.from({ length: REPLAYED_MAX + 5 }, (_, i) => seen(`a:1 -> b:${i + 1}`))
  const { newlyRefused } = replayed(tableOf(), flows)
  t.equal(newlyRefused.flows, REPLAYED_MAX + 5)
  t.equal(newlyRefused.listed.length, REPLAYED_MAX)
})

await t.test('it decides as the table that enforces, the plain loop, and explain', async () => {
  fc.assert(
    fc.property(
      someRules,
      fc.array(seenFlow, { maxLength: 20 }),
      fc.constantFrom(0, 1_500, 3_000),
      (rules, flows, now) => {
        const table = new PolicyTable(1, rules)
        table.expire(now)
        const subjectOf = subjects({ a: ['x'], b: ['y'], c: ['x', 'y'] })
        for (const flow of flows) {
          const before = standingOf(flow.effect)
          if (before === undefined) continue
          const replay = new Replay(table, undefined, subjectOf)
          replay.add(flow)
          const { newlyRefused, newlyAdmitted, newlyAsked, uncertain } = replay.result()
          if (uncertain.flows > 0) continue
          const tuple = {
            ...flow,
            source: subjectOf(flow.source),
            destination: subjectOf(flow.destination),
          }
          const { action, rule } = evaluate(rules, 1, tuple, { sets: [], tags: [], now })
          const said = explain({ rules, sets: [], tags: [] }, tuple, now)
          if (said.decidedBy !== (rule?.id ?? DEFAULT_ID)) return false
          const after = standingOf(action)
          const changes = [newlyRefused, newlyAdmitted, newlyAsked].flatMap(each => each.listed)
          if (after === before ? changes.length !== 0 : changes.length !== 1) return false
          if (changes[0] !== undefined && changes[0].after.rule !== (rule?.id ?? DEFAULT_ID)) {
            return false
          }
        }
        return true
      },
    ),
  )
})
