/**
 * What the harness and its processes say to each other over the channel of `child_process.fork`.
 * A process is sent its job, starts one part of a trial (or all of them, where everything runs in one
 * process), says that it is ready, and then answers requests.
 */

/** What takes part in a trial: `relay` is the daemon, or whatever stands in its place. */
export const PARTS = ['relay', 'sink', 'source'] as const
export type PartName = (typeof PARTS)[number]

export type Measure = 'throughput' | 'round-trip'

export type Touch = 'all' | 'stamp'

/** Where a client attaches to a relay. */
export interface Door {
  readonly url: string
  readonly token?: string | undefined
}

/** The first message to a process. */
export interface Job {
  readonly measure: Measure
  readonly payloadBytes: number
  /** A folder for this trial alone, which the harness removes. */
  readonly scratchDir: string
  readonly door: 'unix' | 'ws' | 'tcp' | 'memory'
  readonly receive: 'batches' | 'one-by-one'
  /** Whether clients at a Unix socket share memory with the daemon. */
  readonly sharedMemory: 'off' | 'require'
  /** Whether daemon and clients look for more before they sleep. */
  readonly polling: 'off' | 'auto'
  /** What a receiver does with each datagram: compares all its bytes, or only the first word. */
  readonly touch: Touch
  /** Rules in front of the one that accepts the trial's datagrams. */
  readonly rules: number
  /** Which part a client plays, and where it attaches; not for relays. */
  readonly part?: PartName
  readonly connect?: Door
}

/** Round trips since the last snapshot, in microseconds. */
export interface Latency {
  readonly count: number
  readonly min: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** A part's counters at one moment, by its own clocks. */
export interface Snapshot {
  readonly atMs: number
  /** CPU time since it started: of the whole process, or of the server it runs. */
  readonly cpuMs: number
  /** Memory of the same. */
  readonly rssBytes: number
  /** Datagrams received (sink), sent (source) or sent and returned (source of round trips). */
  readonly datagrams: number
  readonly latency?: Latency | undefined
}

export interface Request {
  readonly id: number
  readonly part: PartName
  /** A source sends from `start` to `stop`; each is answered by a snapshot. */
  readonly ask: 'snapshot' | 'start' | 'stop'
}

export type Report =
  | { readonly kind: 'ready'; readonly doors: Partial<Record<PartName, Door>> }
  | { readonly kind: 'answer'; readonly id: number; readonly snapshot: Snapshot }
  | { readonly kind: 'failed'; readonly reason: string }
