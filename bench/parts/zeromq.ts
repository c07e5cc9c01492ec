import { join } from 'node:path'
import { loadPackage } from '../packages.js'
import type { Job, PartName } from '../protocol.js'
import { windowOf, type PeerHandlers, type PeerLink } from './peer.js'

/** What the harness uses of zeromq. */
interface ZeroMq {
  readonly Push: new (options: object) => ZmqSocket
  readonly Pull: new (options: object) => ZmqSocket & AsyncIterable<readonly Buffer[]>
  readonly Proxy: new (front: ZmqSocket, back: ZmqSocket) => { run(): Promise<void> }
}

interface ZmqSocket {
  bind(address: string): Promise<void>
  connect(address: string): void
  send(bytes: Uint8Array): Promise<void>
}

/** The proxies of this process: with nothing that holds them they would be collected at work. */
const proxies: unknown[] = []

/** In each of the four queues between a sender and the receiver. */
const QUEUE_BYTES = 1024 * 1024
const QUEUE_DATAGRAMS = 16 * 1024

/**
 * The relay: for each direction a proxy of ZeroMQ's own, in a thread of its own, between those who
 * push and the one who pulls.
 */
export async function startZeroMqProxies(job: Job, fail: (reason: string) => void): Promise<void> {
  const { Pull, Push, Proxy } = loadPackage<ZeroMq>('zeromq')
  for (const to of ['source', 'sink'] as const) {
    const pull = new Pull({ receiveHighWaterMark: queueOf(job) })
    const push = new Push({ sendHighWaterMark: queueOf(job) })
    await pull.bind(addressOf(job.scratchDir, to, 'in'))
    await push.bind(addressOf(job.scratchDir, to, 'out'))
    const proxy = new Proxy(pull, push)
    proxies.push([proxy, pull, push])
    proxy.run().catch((error: unknown) => fail(`the proxy: ${String(error)}`))
  }
}

/** A client of it. Its queues are bounded, and hold up the sender when they are full. */
export async function connectZeroMq(job: Job, handlers: PeerHandlers): Promise<PeerLink> {
  const { Pull, Push } = loadPackage<ZeroMq>('zeromq')
  const [here, there] =
    job.part === 'source' ? (['source', 'sink'] as const) : (['sink', 'source'] as const)
  const pull = new Pull({ receiveHighWaterMark: queueOf(job) })
  const push = new Push({ sendHighWaterMark: queueOf(job) })
  pull.connect(addressOf(job.scratchDir, here, 'out'))
  push.connect(addressOf(job.scratchDir, there, 'in'))
  const read = async (): Promise<void> => {
    for await (const [bytes] of pull) handlers.onDatagram(bytes!)
  }
  read().catch((error: unknown) => handlers.fail(`ZeroMQ: ${String(error)}`))
  return {
    send: bytes => push.send(bytes),
    // It copies nothing before a datagram is written to the proxy's socket.
    flow: { kind: 'own', isWritable: () => true, slots: queueOf(job) * 2 },
  }
}

function queueOf(job: Job): number {
  return windowOf(job, QUEUE_BYTES, QUEUE_DATAGRAMS)
}

function addressOf(dir: string, to: PartName, side: 'in' | 'out'): string {
  return `ipc://${join(dir, `${to}-${side}.ipc`)}`
}
