import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandPath } from '../peers.js'
import type { PeerReceiverCommands } from './actors/peer-receiver.js'
import type { PeerSenderCommands } from './actors/peer-sender.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import type { WsRelayCommands } from './actors/ws-relay.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Crew } from './crew.js'
import type { SlowPeer } from './slow-peers.js'

/** A system in which one client sends at a steady rate to another that may be too slow for it. */
export interface Contender {
  readonly title: string
  /** The process between the two. */
  readonly serverPid: number
  readonly senderPid: number
  startSending(): Promise<void>
  stopSending(): Promise<void>
  /** How many datagrams the receiver works off each second; no bound unless told. */
  slowDown(perSecond?: number): Promise<void>
  counts(): Promise<ContenderCounts>
}

export interface ContenderCounts {
  /** What there was to be sent. */
  readonly offered: number
  /** What the sender was not told of that it can't be sent now. */
  readonly sent: number
  readonly received: number
  /** What became of it besides, for people. */
  readonly note?: string | undefined
}

/** What both clients do. */
export interface Load {
  readonly payloadBytes: number
  readonly perSecond: number
  readonly ringSize: string
}

const PORT = 5000
const RULES = 100
const START_MS_MAX = 10_000
const POLL_MS = 20

/** v4vd over its Unix socket, by the SDK. */
export async function v4vdContender(crew: Crew, load: Load): Promise<Contender> {
  const daemon = await BenchDaemon.start(crew, 'daemon', policyOf(RULES, [`web:* -> db:${PORT}`]))
  await daemon.addDomains(['web', 'db'])
  const { payloadBytes, perSecond, ringSize } = load
  const sinks = crew.actor<SinkCommands>('sinks')
  const sources = crew.actor<SourceCommands>('sources')
  const sink = { name: 'db', door: daemon.door('db'), port: PORT, size: ringSize, payloadBytes }
  await sinks.call('attach', [sink])
  const source = { name: 'web', door: daemon.door('web'), port: PORT, to: `db:${PORT}` }
  await sources.call('attach', [{ ...source, payloadBytes, pace: { kind: 'rate', perSecond } }])
  return {
    title: `v4vd, Unix socket, ring of ${ringSize}`,
    serverPid: daemon.actor.pid,
    senderPid: sources.pid,
    startSending: () => sources.call('start'),
    stopSending: async () => void (await sources.call('stop')),
    slowDown: rate => sinks.call('setRate', 'db', rate),
    async counts() {
      const { offered, sent } = (await sources.call('counts'))['web']!
      const { datagrams } = (await sinks.call('counts'))['db']!
      return { offered, sent, received: datagrams }
    },
  }
}

/**
 * A peer with the settings it comes with.
 * @throws Error with what is missing, when it can't be started on this machine.
 */
export async function peerContender(crew: Crew, peer: SlowPeer, load: Load): Promise<Contender> {
  const { title, pid, address } = await startServer(crew, peer)
  const receiver = crew.actor<PeerReceiverCommands>('peer-receiver')
  const sender = crew.actor<PeerSenderCommands>('peer-sender')
  await receiver.call('attach', peer, address)
  await sender.call('attach', peer, address, load.payloadBytes)
  return {
    title,
    serverPid: pid,
    senderPid: sender.pid,
    startSending: () => sender.call('start', load.perSecond),
    stopSending: () => sender.call('stop'),
    slowDown: rate => receiver.call('setRate', rate),
    async counts() {
      const { sent, refused } = await sender.call('counts')
      const { received, disconnects } = await receiver.call('counts')
      const told = refused > 0 ? `, and told the sender ${refused} times that nobody listens` : ''
      const note =
        disconnects > 0 ? `disconnected the receiver (${disconnects}x)${told}` : undefined
      return { offered: sent, sent, received, note }
    },
  }
}

async function startServer(
  crew: Crew,
  peer: SlowPeer,
): Promise<{ readonly title: string; readonly pid: number; readonly address: string }> {
  switch (peer) {
    case 'nats': {
      const args = ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', crew.dir]
      const pid = crew.server(commandPath('nats-server')!, args)
      const ports = await until(() => readdirSync(crew.dir).find(name => name.endsWith('.ports')))
      const { nats } = JSON.parse(readFileSync(join(crew.dir, ports), 'utf8')) as { nats: string[] }
      return { title: 'NATS over TCP', pid, address: nats[0]! }
    }
    case 'redis': {
      const path = join(crew.dir, 'redis.sock')
      const pid = crew.server(commandPath('redis-server')!, [
        '--port',
        '0',
        '--unixsocket',
        path,
        '--save',
        '',
      ])
      await until(() => (existsSync(path) ? path : undefined))
      return { title: 'Redis publish/subscribe, Unix socket', pid, address: path }
    }
    case 'ws': {
      const relay = crew.actor<WsRelayCommands>('ws-relay')
      return { title: 'plain `ws` relay', pid: relay.pid, address: await relay.call('start') }
    }
  }
}

async function until<T>(find: () => T | undefined): Promise<T> {
  const sinceMs = performance.now()
  while (performance.now() - sinceMs < START_MS_MAX) {
    const found = find()
    if (found !== undefined) return found
    await sleep(POLL_MS)
  }
  throw new Error(`a server was not up ${START_MS_MAX / 1000} s after its start`)
}
