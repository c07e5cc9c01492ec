import t from 'tap'
import { serverEvents } from '../../src/cli/event-source.js'
import type { FlowView } from '../../src/control/schemas/flow.js'
import type { RuleList } from '../../src/control/schemas/rule.js'
import { connect, V4vError } from '../../src/sdk/index.js'
import { Prng, seedOf } from '../fixtures/prng.js'
import { spawnDaemon, type DaemonProcess } from '../fixtures/daemon.js'
import { stateDir } from '../fixtures/state-dir.js'
import { documentOf, KnownPolicy, type WrittenRule } from './fixtures/known-policy.js'

// The policy changes again and again while four domains send as fast as they can. Of each datagram
// it is known which policies can have been in force between its sending and what became of it: from
// the last one whose reply was read before, to the last one that was asked for. One of them must
// explain it, or it was decided by a policy that was over, or by parts of two.
//
// V4V_APPLIES says how many revisions are made: 60 unless told, 1000 for the full count.

const APPLIES = Number(process.env['V4V_APPLIES'] ?? 60)
/** Sends of each domain that are under way at a time. */
const UNDER_WAY = 16

t.setTimeout(230_000)
const seed = seedOf()
t.comment(`V4V_SEED=${seed}`)
const random = new Prng(seed)
const dir = stateDir(t)
const daemon = await spawnDaemon(t, dir)
const names = ['s0', 's1', 's2', 's3']
const ways = ['unix', 'ws', 'own-socket', 'unix'] as const
const flows = names.map((from, i) => ({ from, to: `db:${10 + i}` }))
await daemon.addDomains('db', ...names)

/** Every state that the policy was in, or was asked to be in; sets change without a revision. */
const states: KnownPolicy[] = []
/** The last state whose reply was read. */
let replied = 0
const violations: string[] = []

/** True when a state between the two, both included, does this to a sender's datagrams. */
function canBe(sender: number, from: number, to: number, actions: readonly string[]): boolean {
  for (let state = from; state <= to; state++) {
    if (actions.includes(states[state]!.answers[sender]!.action)) return true
  }
  return false
}

/** Sends without end, and remembers of each datagram when it was sent and what became of it. */
class Sender {
  readonly index: number
  /** By the datagram's number: the state replied before it was sent, and that asked for after. */
  readonly from: number[] = []
  readonly to: number[] = []
  readonly arrived: boolean[] = []
  /** The last state of which a reply had been read when a datagram was sent that has its answer. */
  answered = -1
  accepted = 0
  refused = 0
  /** Datagrams that were sent after a reply whose policy refuses them. */
  markers = 0
  readonly #worker: (isDone: () => boolean) => Promise<void>

  constructor(index: number, send: (payload: Uint8Array) => Promise<void>) {
    this.index = index
    this.#worker = async isDone => {
      while (!isDone()) await this.#one(send)
    }
  }

  async run(isDone: () => boolean): Promise<void> {
    await Promise.all(Array.from({ length: UNDER_WAY }, () => this.#worker(isDone)))
  }

  async #one(send: (payload: Uint8Array) => Promise<void>): Promise<void> {
    const number = this.from.length
    const from = replied
    this.from.push(from)
    this.to.push(Infinity)
    const { action } = states[from]!.answers[this.index]!
    if (action !== 'accept') this.markers++
    const payload = Buffer.alloc(8)
    payload.writeUInt32LE(number)
    let isAccepted = true
    try {
      await send(payload)
    } catch (error) {
      if (!(error instanceof V4vError) || error.code !== 'EPERM') throw error
      isAccepted = false
    }
    const to = states.length - 1
    this.to[number] = to
    if (isAccepted) this.accepted++
    else this.refused++
    const actions = isAccepted ? ['accept', 'drop'] : ['reject']
    if (!canBe(this.index, from, to, actions)) {
      violations.push(`${names[this.index]} ${number}: ${actions[0]} from ${from} to ${to}`)
    }
    this.answered = Math.max(this.answered, from)
  }

  /** A datagram has arrived. */
  arrive(number: number): void {
    const from = this.from[number] ?? Infinity
    if (this.arrived[number] === true || !canBe(this.index, from, states.length - 1, ['accept'])) {
      violations.push(`${names[this.index]} ${number}: arrived, from ${from}`)
    }
    this.arrived[number] = true
  }

  /** What was taken and did not arrive must have been dropped. */
  checkMissing(refused: ReadonlySet<number>): number {
    let dropped = 0
    for (const [number, from] of this.from.entries()) {
      if (this.arrived[number] === true || refused.has(number)) continue
      dropped++
      if (!canBe(this.index, from, this.to[number]!, ['drop'])) {
        violations.push(`${names[this.index]} ${number}: lost, from ${from} to ${this.to[number]}`)
      }
    }
    return dropped
  }
}

/** Makes changes, one after the other. */
class Changes {
  made = 0
  sets = 0
  #lastId = 0

  async one(): Promise<void> {
    const { revision, rules, guests } = states.at(-1)!
    const single = rules.filter(({ id }) => id.startsWith('one-'))
    const chosen = single.length > 0 ? random.pick(single) : undefined
    switch (random.below(6)) {
      case 0:
      case 1:
        await this.whole()
        return
      case 2:
      case 3: {
        const from = random.below(names.length)
        const { to } = flows[from]!
        const action = random.pick(['accept', 'reject', 'drop'] as const)
        const id = `one-${++this.#lastId}`
        const rule = { id, action, source: `${names[from]}:*`, destination: to }
        const body = { ...rule, position: 1 }
        await this.#make(revision + 1, [rule, ...rules], guests, 'POST', '/v1/rules', body)
        return
      }
      case 4: {
        if (chosen === undefined) return
        const path = `/v1/rules/${chosen.id}`
        if (random.below(2) === 0) {
          const rest = rules.filter(rule => rule !== chosen)
          await this.#make(revision + 1, rest, guests, 'DELETE', path)
        } else {
          const action = chosen.action === 'accept' ? 'reject' : 'accept'
          const next = rules.map((rule): WrittenRule => {
            return rule === chosen ? { ...rule, action } : rule
          })
          await this.#make(revision + 1, next, guests, 'PATCH', path, { action })
        }
        return
      }
      default: {
        const name = random.pick(names)
        const isIn = guests.includes(name)
        const next = isIn ? guests.filter(guest => guest !== name) : [...guests, name]
        const path = '/v1/sets/guests/elements'
        if (isIn) await this.#make(revision, rules, next, 'DELETE', `${path}/${name}`)
        else await this.#make(revision, rules, next, 'POST', path, { element: name })
      }
    }
  }

  /** Replaces the whole policy. Who was put into its set by hand is still there. */
  async whole(): Promise<void> {
    const { revision, guests } = states.at(-1)!
    const rules = this.#written()
    const asJson = random.below(2) === 0
    const body = asJson
      ? { rules, sets: { guests: [] } }
      : { documents: [{ name: 'a.yaml', text: documentOf(rules, []) }] }
    await this.#make(revision + 1, rules, guests, 'PUT', '/v1/policy', body)
  }

  /** Rules for a whole policy: each sender by itself, guests, and some that nobody meets. */
  #written(): WrittenRule[] {
    const rules: WrittenRule[] = Array.from({ length: 20 }, (_, i) => ({
      id: `filler-${i}`,
      action: 'accept',
      source: `nobody${i}:*`,
      destination: `db:${i}`,
    }))
    for (const [i, name] of names.entries()) {
      if (random.below(3) === 0) continue
      const action = random.pick(['accept', 'reject', 'drop'] as const)
      const id = `whole-${++this.#lastId}`
      rules.push({ id, action, source: `${name}:*`, destination: flows[i]!.to })
    }
    rules.push({ id: 'guests', action: 'accept', source: '@guests:*', destination: 'db:*' })
    rules.push({ id: `end-${++this.#lastId}`, action: 'accept', source: 'x:1', destination: 'x:1' })
    return rules
  }

  async #make(
    revision: number,
    rules: readonly WrittenRule[],
    guests: readonly string[],
    method: string,
    path: string,
    body?: object,
  ): Promise<void> {
    const isRevision = revision > states.at(-1)!.revision
    const state = states.push(new KnownPolicy(revision, rules, guests, flows)) - 1
    const answer = await daemon.admin.ask<{ revision: number }>(method, path, body)
    replied = state
    if (answer.revision !== revision) violations.push(`${method} ${path} made ${answer.revision}`)
    if (isRevision) this.made++
    else this.sets++
  }
}

/** Every decision that was counted: by rules, by default, and by rules that are gone. */
async function counted({ admin }: DaemonProcess): Promise<number> {
  const list = await admin.ask<RuleList>('GET', '/v1/rules')
  const { retired, verdicts } = await admin.stats()
  const sum = list.rules.reduce((hits, rule) => hits + rule.hits, list.default.hits) + retired.hits
  const byVerdict = Object.values(verdicts).reduce((hits, each) => hits + each.datagrams, 0)
  return sum === byVerdict ? sum : NaN
}

/** Holds each decision of the flow log against what its revision says by `explain`. */
async function watch(signal: AbortSignal, seen: { flows: number; lost: number }): Promise<void> {
  const response = await fetch(`${daemon.url}/v1/flows?follow=true`, {
    headers: { authorization: `Bearer ${daemon.admin.token}` },
    signal,
  })
  for await (const { event, data } of serverEvents(response.body!)) {
    if (event === 'lost') {
      seen.lost += Number(data.split('=')[1])
      continue
    }
    const { revision, rule, verdict, source } = JSON.parse(data) as FlowView
    const sender = names.indexOf(source.split(':')[0]!)
    const isExplained = states.some(
      state =>
        state.revision === revision &&
        state.answers[sender]?.action === verdict &&
        state.answers[sender].rule === (rule ?? 'default'),
    )
    if (!isExplained) violations.push(`explained otherwise: ${data}`)
    seen.flows++
  }
}

await t.test(`${APPLIES} applies while four domains send at full speed`, async t => {
  states.push(
    new KnownPolicy((await daemon.admin.stats()).revision, [], [], flows), // the default lets in none
  )
  const db = await connect(daemon.as('db'))
  const domains = await Promise.all(names.map((name, i) => connect(daemon.as(name, ways[i]))))
  const refusedBy: Set<number>[] = []
  const senders: Sender[] = []
  for (const [i, domain] of domains.entries()) {
    const own = await domain.bind(80)
    const { to } = flows[i]!
    const refused = new Set<number>()
    refusedBy.push(refused)
    senders.push(
      new Sender(i, async payload => {
        try {
          await own.send(to, payload)
        } catch (error) {
          refused.add(Buffer.from(payload).readUInt32LE())
          throw error
        }
      }),
    )
    const ring = await db.bind(10 + i)
    void (async () => {
      for await (const { data } of ring) senders[i]!.arrive(Buffer.from(data).readUInt32LE())
    })()
  }
  const before = (await daemon.admin.sessions()).map(({ id }) => id)
  const seen = { flows: 0, lost: 0 }
  const viewer = new AbortController()
  const watching = watch(viewer.signal, seen).catch((error: unknown) => {
    if (!viewer.signal.aborted) throw error
  })
  let isDone = false
  const sending = Promise.all(senders.map(sender => sender.run(() => isDone)))
  const changes = new Changes()
  const startedAt = performance.now()
  await changes.whole()
  while (changes.made < APPLIES) {
    await changes.one()
    // Each policy decides about something of everybody before the next one comes.
    while (senders.some(({ answered }) => answered < replied)) await new Promise(setImmediate)
  }
  const tookMs = performance.now() - startedAt
  isDone = true
  await sending
  const sum = (what: (sender: Sender) => number): number =>
    senders.reduce((all, sender) => all + what(sender), 0)
  const arrived = (): number => sum(each => each.arrived.filter(Boolean).length)
  const received = (await daemon.admin.stats()).totals.datagramsReceived
  while (arrived() < received) await new Promise(setImmediate)
  const dropped = sum(each => each.checkMissing(refusedBy[each.index]!))
  viewer.abort()
  await watching
  t.same(violations.slice(0, 5), [])
  t.equal(arrived(), received, 'all that was delivered arrived, and nothing else')
  const sent = sum(each => each.from.length)
  t.equal(
    sum(each => each.accepted + each.refused),
    sent,
  )
  t.equal(
    sum(each => each.accepted),
    received + dropped,
  )
  t.equal(await counted(daemon), sent, 'rules, default and retired are all decisions')
  const after = (await daemon.admin.sessions()).map(({ id }) => id)
  t.same(new Set(after), new Set(before), 'no session was closed')
  const markers = sum(each => each.markers)
  t.ok(markers >= changes.made, `${markers} were sent after a reply that does not admit them`)
  t.ok(received > 0 && dropped > 0 && seen.flows > APPLIES)
  t.comment(
    `${changes.made} revisions and ${changes.sets} changes of sets in ${Math.round(tookMs)} ms; ` +
      `${sent} sent, ${received} delivered, ${dropped} dropped, ${sum(each => each.refused)} refused, ` +
      `${markers} after a reply that does not admit them; ${seen.flows} flow records, ${seen.lost} lost`,
  )
  await Promise.all([db, ...domains].map(domain => domain.close()))
  await daemon.stop()
  const again = await spawnDaemon(t, dir)
  t.equal(await counted(again), sent, 'and they are so after a restart')
})
