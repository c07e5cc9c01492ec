import type { EndReason } from '../abi/end-reason.js'
import type { Party } from './event.js'

/** Why a session ends, or did not come about. */
export interface SessionEnd {
  readonly reason: EndReason
  /** More than the table's sentence: which frame, which value. */
  readonly detail: string
  /** Where the reason is a limit: how much it is, in the unit of its name, and how much was used. */
  readonly limit?: number | undefined
  readonly used?: number | undefined
}

/** Who is at the other end of a connection, as far as the system says so. */
export interface Remote {
  /** Address and port, of a client that came by the network. */
  readonly address?: string | undefined
  /** Of a process on this machine, when it connected. */
  readonly pid?: number | undefined
  readonly uid?: number | undefined
  /** The name that the process had; any process can choose its own. */
  readonly comm?: string | undefined
}

/** The end of a session, or of an attempt to attach, with all that is known of the client. */
export interface EndRecord extends SessionEnd {
  /** Undefined where it was not said, or not proved, who it is. */
  readonly domain?: Party | undefined
  /** Undefined where it did not come to be. */
  readonly session?: number | undefined
  readonly tokenId?: number | undefined
  /** How it was connected. */
  readonly transport: string
  readonly remote: Remote
  /** What its client calls itself. */
  readonly agent?: string | undefined
  /** Since it connected. */
  readonly livedMs: number
  /** Datagrams it gave to the daemon, also those that were refused. */
  readonly datagramsSent: number
  /** What came into its rings; bytes with the headers that messages have there. */
  readonly datagramsReceived: number
  readonly bytesReceived: number
}
