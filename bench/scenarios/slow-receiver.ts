import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { missingFor, type PeerNeeds } from '../peers.js'
import { peerContender, v4vdContender, type Contender, type ContenderCounts } from './contender.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { SLOW_PEERS, type SlowPeer } from './slow-peers.js'

const LOAD = { payloadBytes: 1024, perSecond: 20_000, ringSize: '8MiB' }
const RING_MIB = 8
/** The receiver works off a tenth of what is sent. */
const SLOW_PER_SECOND = LOAD.perSecond / 10
/** By then the daemon has all its threads: that for SQLite's log starts ten seconds after the first change. */
const WARM_UP_MS = 12_000
const QUICK_WARM_UP_MS = 1_000
const SAMPLE_MS = 100
const PAGE_BYTES = 4096
const MIB = 1024 * 1024
/** How long the last datagrams may stay away before they are taken for lost. */
const SILENT_MS_MAX = 3_000

/** A receiver that works off a tenth of what is sent to it. */
export const slowReceiverScenario: Scenario = {
  name: 'scenario/slow-receiver',
  title: 'A receiver that is too slow',
  method:
    `A sender has ${LOAD.perSecond} datagrams of 1 KiB a second, and a receiver works off ${SLOW_PER_SECOND} ` +
    '(its thread sleeps, as for a slow disk). Then the sender stops, the receiver reads what is left, and what has ' +
    'not come by then is lost. All systems at the same time, each with the settings it comes with; ' +
    'the `ws` relay passes messages on as most are written, without a look at `bufferedAmount`. ' +
    'Memory is the resident growth of the process in the middle, and of the sending client, from after twelve ' +
    'seconds of fast reading (one in a quick run), when the daemon has started the threads it needs. ' +
    'What v4vd turns away has never left the sender, which knows of it.',
  columns: [
    { key: 'offered', title: 'to be sent' },
    { key: 'sent', title: 'taken' },
    { key: 'turnedAway', title: 'sender told to wait' },
    { key: 'received', title: 'arrived' },
    { key: 'lost', title: 'lost' },
    { key: 'growthMiB', title: 'memory growth, MiB' },
    { key: 'senderGrowthMiB', title: 'of the sender, MiB' },
  ],
  secondsMax: 150,
  run,
}

async function run({ crew, quick, peers, note }: Stage): Promise<Findings> {
  const times = quick
    ? { warmUpMs: QUICK_WARM_UP_MS, seconds: 2, silentMs: SILENT_MS_MAX / 2 }
    : { warmUpMs: WARM_UP_MS, seconds: 30, silentMs: SILENT_MS_MAX }
  const notes: string[] = []
  const contenders = [await v4vdContender(crew, LOAD)]
  for (const peer of peers ? SLOW_PEERS : []) {
    const missing = missingFor(NEEDS[peer])
    if (missing === undefined) contenders.push(await peerContender(crew, peer, LOAD))
    else notes.push(`${peer} is left out: it ${missing}`)
  }
  note(`${times.seconds} s with ${contenders.length} systems`)
  const rows = await Promise.all(contenders.map(contender => rowOf(contender, times)))
  const { sent, turnedAway, lost, growthMiB } = rows[0]!.figures
  if (lost !== 0) throw new Error(`v4vd lost ${lost} of ${sent} datagrams`)
  const target = (
    text: string,
    value: number,
    unit: string,
  ): Pick<Target, 'text' | 'value' | 'unit'> => ({ text, value, unit })
  return {
    rows,
    targets: [
      { ...target('v4vd loses', lost, 'datagrams'), bound: 0, side: 'at most' },
      {
        ...target('The memory of v4vd grows by', growthMiB!, 'MiB'),
        bound: RING_MIB,
        side: 'at most',
      },
      {
        ...target('The sender on v4vd is told to wait', turnedAway!, 'times'),
        bound: 1,
        side: 'at least',
      },
    ],
    notes,
  }
}

interface Times {
  readonly warmUpMs: number
  /** How long the receiver is slow. */
  readonly seconds: number
  readonly silentMs: number
}

async function rowOf(
  contender: Contender,
  { warmUpMs, seconds, silentMs }: Times,
): Promise<ScenarioRow> {
  await contender.startSending()
  await sleep(warmUpMs)
  await contender.stopSending()
  const before = await drained(contender, silentMs)
  const { serverPid, senderPid } = contender
  const rssBefore = [rssOf(serverPid), rssOf(senderPid)] as const
  await contender.slowDown(SLOW_PER_SECOND)
  await contender.startSending()
  let [serverMax, senderMax] = rssBefore
  const endsMs = performance.now() + seconds * 1000
  while (performance.now() < endsMs) {
    await sleep(SAMPLE_MS)
    serverMax = Math.max(serverMax, rssOf(serverPid))
    senderMax = Math.max(senderMax, rssOf(senderPid))
  }
  await contender.stopSending()
  await contender.slowDown()
  const after = await drained(contender, silentMs)
  const offered = after.offered - before.offered
  const sent = after.sent - before.sent
  const received = after.received - before.received
  return {
    label: contender.title,
    figures: {
      offered,
      sent,
      turnedAway: offered - sent,
      received,
      lost: sent - received,
      growthMiB: (serverMax - rssBefore[0]) / MIB,
      senderGrowthMiB: (senderMax - rssBefore[1]) / MIB,
    },
    note: after.note,
  }
}

/** Waits until all has arrived that was sent, or nothing more comes. */
async function drained(contender: Contender, silentMs: number): Promise<ContenderCounts> {
  let received = -1
  let silentSinceMs = performance.now()
  for (;;) {
    const counts = await contender.counts()
    if (counts.received > received) silentSinceMs = performance.now()
    received = counts.received
    if (received === counts.sent) return counts
    if (performance.now() - silentSinceMs > silentMs) return counts
    await sleep(SAMPLE_MS)
  }
}

function rssOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
}

/** What each peer needs on this machine. */
const NEEDS: Readonly<Record<SlowPeer, PeerNeeds>> = {
  nats: {
    package: '@nats-io/transport-node',
    server: { command: 'nats-server', debianPackage: 'nats-server', versionArgs: ['--version'] },
  },
  redis: {
    package: 'ioredis',
    server: { command: 'redis-server', debianPackage: 'redis-server', versionArgs: ['--version'] },
  },
  ws: {},
}
