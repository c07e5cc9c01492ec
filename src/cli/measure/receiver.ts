import { once } from 'node:events'
import { connect, type Batch, type Ring } from '../../sdk/index.js'
import { errorText } from '../fail.js'
import { LatencyGauge } from './latency.js'
import type {
  Received,
  ReceiverJob,
  ReceiverMessage,
  ReceiverQuestion,
} from './receiver-messages.js'
import { nowNs, stampOf } from './time-stamp.js'

/**
 * The receiving domain of a measurement, in a process of its own: told by the command what to do, it
 * counts datagrams, or sends them back, and says how many there were each time it is asked. It ends
 * with the command.
 */

process.on('disconnect', () => process.exit())
// Ctrl-C reaches all processes of the terminal; the command says when this one ends.
process.on('SIGINT', () => undefined)

const gauge = new LatencyGauge()
let datagrams = 0
let bytes = 0
let lastAtNs = 0

try {
  const [job] = (await once(process, 'message')) as [ReceiverJob]
  const domain = await connect({ ...job.place, agent: 'v4v bench receiver' })
  if (domain.name !== job.name) {
    throw new Error(`the token is of domain ${domain.name}, not of ${job.name}`)
  }
  const ring = await domain.bind(job.port, { size: job.ringBytes })
  ring.on('refused', error => fail(error))
  process.on('message', (question: ReceiverQuestion) => tell(answerTo(question)))
  tell({ kind: 'ready', port: ring.port })
  if (job.echo) await echoAll(ring)
  else await countAll(ring, job.isStamped)
} catch (error) {
  fail(error)
}

async function countAll(ring: Ring, isStamped: boolean): Promise<void> {
  for await (const batch of ring.batches()) {
    const atNs = nowNs()
    count(batch)
    if (isStamped) gaugeAll(batch, atNs)
    lastAtNs = atNs
  }
}

function count(batch: Batch): void {
  datagrams += batch.length
  for (let i = 0; i < batch.length; i++) bytes += batch.end(i) - batch.start(i)
}

function gaugeAll(batch: Batch, atNs: number): void {
  const { buffer, byteOffset } = batch.bytes
  const view = new DataView(buffer, byteOffset)
  for (let i = 0; i < batch.length; i++) gauge.record(atNs - stampOf(view, batch.start(i)))
}

async function echoAll(ring: Ring): Promise<void> {
  for await (const batch of ring.batches()) {
    for (let i = 0; i < batch.length; i++) {
      const to = { domain: batch.source(i), port: batch.sourcePort(i) }
      // One at a time is under way, so there is always room for it.
      if (!ring.trySend(to, batch.data(i))) await ring.send(to, batch.data(i))
    }
    count(batch)
    lastAtNs = nowNs()
  }
}

function answerTo(question: ReceiverQuestion): ReceiverMessage {
  if (question === 'received') return { kind: question, received: received() }
  return { kind: question, distribution: gauge.distribution() }
}

function received(): Received {
  return { datagrams, bytes, lastAtNs, latency: gauge.report() }
}

function fail(error: unknown): void {
  tell({ kind: 'failed', reason: errorText(error) })
}

function tell(message: ReceiverMessage): void {
  if (!process.connected) return
  process.send!(message, undefined, undefined, () => undefined) // nobody may be left to hear it
}
