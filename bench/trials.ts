import type { PeerNeeds } from './peers.js'
import type { Job, Measure } from './protocol.js'

/** What is measured: a relay, clients, and the way they use each other. One row of the report. */
export interface System {
  readonly name: string
  /** For people, in the report. */
  readonly title: string
  /** Scripts in processes/. Where there is no client script the relay's process hosts all parts. */
  readonly relay: string
  readonly client: string | undefined
  readonly door: Job['door']
  readonly receive: Job['receive']
  /** `require`: the clients share memory with the daemon. */
  readonly sharedMemory?: Job['sharedMemory']
  /**
   * `auto`: daemon and clients look for more before they sleep, as they do unless told. Without it,
   * round trips are measured with `off`, throughput as it comes.
   */
  readonly polling?: Job['polling']
  /** Where not both of them. */
  readonly measures?: readonly Measure[]
  /** Not in quick runs of everything. */
  readonly isExtra?: true
  /** What the receiver gets: bytes where they came to lie, or a copy. */
  readonly bytes: 'view' | 'copy' | 'view, copy if cut'
  /** Only for systems that v4vd is compared with. */
  readonly peer?: PeerNeeds
}

/**
 * The systems, in the order of the report. A peer that is to be compared is one more row here and
 * its scripts in processes/.
 */
export const SYSTEMS: readonly System[] = [
  {
    name: 'v4vd-unix-batches',
    title: 'v4vd, Unix socket, batches',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'unix',
    receive: 'batches',
    bytes: 'view',
  },
  {
    name: 'v4vd-unix-one-by-one',
    title: 'v4vd, Unix socket, `trySend` and `for await` one by one',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'unix',
    receive: 'one-by-one',
    bytes: 'copy',
  },
  {
    name: 'v4vd-unix-polling',
    title: 'v4vd, Unix socket, batches, with polling',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'unix',
    receive: 'batches',
    polling: 'auto',
    measures: ['round-trip'],
    bytes: 'view',
  },
  {
    name: 'v4vd-shm-batches',
    title: 'v4vd, shared memory, batches',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'unix',
    receive: 'batches',
    sharedMemory: 'require',
    bytes: 'view',
  },
  {
    name: 'v4vd-shm-one-by-one',
    title: 'v4vd, shared memory, `trySend` and `for await` one by one',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'unix',
    receive: 'one-by-one',
    sharedMemory: 'require',
    isExtra: true,
    bytes: 'copy',
  },
  {
    name: 'v4vd-shm-polling',
    title: 'v4vd, shared memory, batches, with polling',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'unix',
    receive: 'batches',
    sharedMemory: 'require',
    polling: 'auto',
    measures: ['round-trip'],
    bytes: 'view',
  },
  {
    name: 'v4vd-ws-batches',
    title: 'v4vd, WebSocket over TCP, batches',
    relay: 'v4vd-daemon',
    client: 'v4vd-client',
    door: 'ws',
    receive: 'batches',
    bytes: 'view',
  },
  {
    name: 'v4vd-memory-batches',
    title: 'v4vd, all in one process, batches',
    relay: 'v4vd-embedded',
    client: undefined,
    door: 'memory',
    receive: 'batches',
    isExtra: true,
    bytes: 'view',
  },
  {
    name: 'nats',
    title: 'NATS over TCP',
    relay: 'nats-server',
    client: 'nats-client',
    door: 'tcp',
    receive: 'one-by-one',
    bytes: 'view, copy if cut',
    peer: {
      package: '@nats-io/transport-node',
      server: { command: 'nats-server', debianPackage: 'nats-server', versionArgs: ['--version'] },
    },
  },
  {
    name: 'redis',
    title: 'Redis publish/subscribe, Unix socket',
    relay: 'redis-server',
    client: 'redis-client',
    door: 'unix',
    receive: 'one-by-one',
    bytes: 'view, copy if cut',
    peer: {
      package: 'ioredis',
      server: {
        command: 'redis-server',
        debianPackage: 'redis-server',
        versionArgs: ['--version'],
      },
    },
  },
  {
    name: 'mosquitto',
    title: 'mosquitto, MQTT at most once, Unix socket',
    relay: 'mosquitto',
    client: 'mqtt-client',
    door: 'unix',
    receive: 'one-by-one',
    bytes: 'view, copy if cut',
    peer: {
      package: 'mqtt',
      server: { command: 'mosquitto', debianPackage: 'mosquitto', versionArgs: ['-h'] },
    },
  },
  {
    name: 'zeromq',
    title: 'ZeroMQ push/pull through its proxy, Unix socket',
    relay: 'zeromq-proxy',
    client: 'zeromq-client',
    door: 'unix',
    receive: 'one-by-one',
    bytes: 'view',
    peer: { package: 'zeromq' },
  },
  {
    name: 'ws-relay',
    title: 'plain `ws` relay over TCP, one message a frame',
    relay: 'ws-relay',
    client: 'ws-client',
    door: 'ws',
    receive: 'one-by-one',
    bytes: 'view, copy if cut',
    peer: {},
  },
]

/** The system that others are compared with, and what takes its place where it is not installed. */
export const BASELINES: readonly string[] = ['nats', 'ws-relay']

export const PAYLOADS_BYTES: readonly number[] = [64, 1024, 16 * 1024, 64 * 1024]

/** Between these a round trip takes hardly longer, and above them it is mostly copying. */
const ROUND_TRIP_PAYLOADS_BYTES: readonly number[] = [64, 16 * 1024]

export const MEASURES: readonly Measure[] = ['throughput', 'round-trip']

export interface Trial {
  readonly name: string
  readonly system: System
  readonly payloadBytes: number
  readonly measure: Measure
}

/** All trials; those that are measured side by side are neighbours. */
export function trials(): Trial[] {
  return MEASURES.flatMap(measure =>
    payloadsOf(measure).flatMap(payloadBytes =>
      SYSTEMS.filter(({ measures = MEASURES }) => measures.includes(measure)).map(system => ({
        name: `${system.name}/${bytesText(payloadBytes)}/${measure}`,
        system,
        payloadBytes,
        measure,
      })),
    ),
  )
}

function payloadsOf(measure: Measure): readonly number[] {
  return measure === 'throughput' ? PAYLOADS_BYTES : ROUND_TRIP_PAYLOADS_BYTES
}

/** Those of one measure and one payload, in the order of the trials. */
export function groupsOf(all: readonly Trial[]): Trial[][] {
  const groups = new Map<string, Trial[]>()
  for (const trial of all) {
    const key = `${trial.measure} ${trial.payloadBytes}`
    groups.set(key, [...(groups.get(key) ?? []), trial])
  }
  return [...groups.values()]
}

/**
 * A quick run of everything has no extras, and times round trips of the smallest payload alone: those
 * of v4vd by one client of each kind, and with polling where that can be chosen.
 */
export function isInQuickRun({ system, measure, payloadBytes }: Trial): boolean {
  if (system.isExtra) return false
  if (measure === 'throughput') return true
  return payloadBytes === PAYLOADS_BYTES[0] && !NOT_TIMED_QUICKLY.has(system.name)
}

const NOT_TIMED_QUICKLY = new Set(['v4vd-unix-one-by-one', 'v4vd-shm-batches'])

/** `64B`, `16KiB` */
export function bytesText(bytes: number): string {
  return bytes < 1024 ? `${bytes}B` : `${bytes / 1024}KiB`
}
