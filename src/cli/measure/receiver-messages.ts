import type { Distribution } from './distribution.js'
import type { SeatPlace } from './pair.js'
import type { Latency } from './latency.js'

/** What the command and its receiving process say to each other. */

/** The first message to the process. */
export interface ReceiverJob {
  readonly name: string
  readonly place: SeatPlace
  readonly port: number
  readonly ringBytes: number
  /** Datagrams bear the time at which they were sent. */
  readonly isStamped: boolean
  /** Send each datagram back to where it came from. */
  readonly echo: boolean
}

/** What it is asked for from then on. */
export type ReceiverQuestion = 'received' | 'distribution'

/** What has arrived so far. */
export interface Received {
  readonly datagrams: number
  readonly bytes: number
  /** By the system's steady clock; 0 when nothing came. */
  readonly lastAtNs: number
  /** From being sent to being read, of datagrams that bear the time. */
  readonly latency: Latency | undefined
}

export type ReceiverMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'received'; readonly received: Received }
  /** Of the times of datagrams that bear one. */
  | { readonly kind: 'distribution'; readonly distribution: Distribution | undefined }
  | { readonly kind: 'failed'; readonly reason: string }
