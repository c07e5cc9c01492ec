import type { ErrorCode } from './errno.js'

/** Who brought a session, or an attempt to attach, to its end. */
export type EndedBy = 'daemon' | 'client'

/** What the table says of a reason. */
interface Row {
  /** What the client is told, by CLOSING or by its transport's refusal; null where it is told nothing. */
  readonly code: ErrorCode | null
  /** The limit that was reached, by its name in `limits.ts`, where the reason is one. */
  readonly limit?: string
  readonly sentence: string
  /** What an admin, or whoever wrote the client, can do about it. */
  readonly remedy: string
}

/**
 * The one table of everything that a session, or an attempt to attach, can end for. The names are
 * stable: they are what admins filter by, and a label of a metric. Those that a client chooses
 * itself are in `byClient`; all others are the daemon's doing.
 */
const table = {
  // ---- before there is a session ----
  'turned-away': {
    code: 'ENOSPC',
    limit: 'connectionsUnauthenticatedMax',
    sentence: 'too many clients had not said who they are',
    remedy: 'look who connects and says nothing; if they are all wanted, raise the limit',
  },
  'host-refused': {
    code: 'EPERM',
    sentence: 'a WebSocket came for a Host or from an Origin that is not served',
    remedy: 'use the address that the daemon listens at, and no page of another site',
  },
  'hello-late': {
    code: 'ETIMEDOUT',
    limit: 'authenticationTimeoutMs',
    sentence: 'no HELLO came in time',
    remedy: 'send HELLO at once; look whether something else connects to this socket',
  },
  'hello-missing': {
    code: 'EPROTO',
    sentence: 'the first frame was no HELLO',
    remedy: 'mend the client: it begins with HELLO',
  },
  'hello-malformed': {
    code: 'EPROTO',
    sentence: 'HELLO could not be read',
    remedy: 'mend the client, or look what else speaks to this socket',
  },
  'hello-too-long': {
    code: 'EPROTO',
    limit: 'HELLO_BYTES_MAX',
    sentence: 'the first frame was longer than a HELLO may be',
    remedy: 'mend the client, or look what else speaks to this socket',
  },
  'version-unknown': {
    code: 'EPROTONOSUPPORT',
    sentence: 'the client speaks another version of the protocol',
    remedy: 'use a client and a daemon of the same version',
  },
  'token-unknown': {
    code: 'EACCES',
    sentence: 'the token is of no domain',
    remedy: 'give the client a token of "v4v token issue", or its own socket',
  },
  'token-of-another': {
    code: 'EACCES',
    sentence: 'the token is not of the domain whose socket was used',
    remedy: "use the domain's own token, or v4v.sock, which takes all",
  },
  'domain-unknown': {
    code: 'ESRCH',
    sentence: 'there is no such domain',
    remedy: 'add it with "v4v domain add"',
  },
  'domain-sessions': {
    code: 'ENOSPC',
    limit: 'sessionsPerDomainMax',
    sentence: 'the domain has all the sessions it may have',
    remedy: 'look at "v4v session ls" for clients that should be gone; or raise the limit',
  },
  'daemon-sessions': {
    code: 'ENOSPC',
    limit: 'sessionsMax',
    sentence: 'the daemon has all the sessions it may have',
    remedy: 'look at "v4v session ls" for clients that should be gone; or raise the limit',
  },
  'shared-memory-full': {
    code: 'ENOSPC',
    sentence: 'a client that needs shared memory could get none',
    remedy: 'end workers of the domain, or raise the limit of memory that is shared',
  },
  // ---- frames ----
  'frame-length': {
    code: 'EPROTO',
    sentence: 'a frame had a length that no frame has',
    remedy: 'mend the client',
  },
  'frame-too-long': {
    code: 'EPROTO',
    limit: 'FRAME_BYTES_MAX',
    sentence: 'a frame or WebSocket message was longer than any may be',
    remedy: 'mend the client: a message that is too long for a frame is to be sent in parts',
  },
  'frames-unfinished': {
    code: 'EPROTO',
    limit: 'partialFrameBytesPerDomainMax',
    sentence: 'the sessions of the domain had begun too many frames and not ended them',
    remedy: 'have its clients send whole frames, or raise the limit',
  },
  'frame-type': {
    code: 'EPROTO',
    sentence: 'a frame was of a type that no client sends',
    remedy: 'mend the client, or use one of the same version as the daemon',
  },
  'frame-beside-memory': {
    code: 'EPROTO',
    sentence: 'a frame came by the socket of a session that uses shared memory',
    remedy: 'mend the client: from MAPPED on the socket carries BELL and nothing else',
  },
  'send-malformed': {
    code: 'EPROTO',
    sentence: 'SEND could not be read',
    remedy: 'mend the client',
  },
  'send-out-of-sequence': {
    code: 'EPROTO',
    sentence: 'SEND did not go on where the one before it ended',
    remedy: 'mend the client: sequence numbers have no gap and no repetition',
  },
  'target-unknown': {
    code: 'EPROTO',
    sentence: 'a frame named a target that was not defined',
    remedy: 'mend the client: TARGET comes before the handle is used',
  },
  'target-malformed': {
    code: 'EPROTO',
    sentence: 'TARGET could not be read, or its handle was taken',
    remedy: 'mend the client',
  },
  'targets-too-many': {
    code: 'ENOSPC',
    limit: 'targetsPerDomainMax',
    sentence: 'the sessions of the domain had given handles to too many names',
    remedy: 'have its clients name only whom they send to, or raise the limit',
  },
  'register-malformed': {
    code: 'EPROTO',
    sentence: 'REGISTER could not be read',
    remedy: 'mend the client',
  },
  'notify-malformed': {
    code: 'EPROTO',
    sentence: 'NOTIFY could not be read, or was for a port that the session has not bound',
    remedy: 'mend the client',
  },
  'notify-too-long': {
    code: 'EPROTO',
    limit: 'NOTIFY_ENTRIES_MAX',
    sentence: 'NOTIFY had too many entries',
    remedy: 'mend the client: it can ask twice',
  },
  'consumed-too-far': {
    code: 'EPROTO',
    sentence: 'CONSUMED named bytes of a ring that the client was not given',
    remedy: 'mend the client',
  },
  'mapped-unasked': {
    code: 'EPROTO',
    sentence: 'MAPPED answered no SHARED',
    remedy: 'mend the client',
  },
  'shared-memory-malformed': {
    code: 'EPROTO',
    sentence: 'what the client wrote into shared memory can not be',
    remedy: 'mend the client; look who else can write to its memory',
  },
  'message-cut': {
    code: 'EPROTO',
    sentence: 'a WebSocket message ended inside a frame',
    remedy: 'mend the client: a message holds whole frames',
  },
  'message-of-text': {
    code: 'EPROTO',
    sentence: 'a WebSocket message was text',
    remedy: 'mend the client: frames are binary',
  },
  'message-in-fragments': {
    code: 'EPROTO',
    limit: 'WEBSOCKET_FRAGMENTS_MAX',
    sentence: 'a WebSocket message was in too many fragments',
    remedy: 'mend the client: a message is one frame of WebSocket, or a few',
  },
  'message-in-chunks': {
    code: 'EPROTO',
    limit: 'WEBSOCKET_CHUNKS_MAX',
    sentence: 'a WebSocket message came in too many small writes',
    remedy: 'mend the client: it writes a message at once, or at least more than a few bytes',
  },
  'websocket-malformed': {
    code: 'EPROTO',
    sentence: 'the bytes do not follow the WebSocket protocol',
    remedy: 'mend the client, or what lies between it and the daemon',
  },
  // ---- a session that can't stay ----
  'slow-reader': {
    code: 'ENOSPC',
    limit: 'sessionOutputBytesMax',
    sentence: 'the client did not read what it was sent',
    remedy: 'have the client read all the time; look whether it stands still',
  },
  'ping-timeout': {
    code: 'ETIMEDOUT',
    limit: 'pingIntervalMs',
    sentence: 'nothing was heard of the client, and it answered no ping',
    remedy: 'look whether the client, its machine or the way to it stands still',
  },
  'token-expired': {
    code: 'EKEYEXPIRED',
    sentence: 'the token has expired',
    remedy: 'issue another: "v4v token issue", or "v4v token rotate" before the end',
  },
  'token-revoked': {
    code: 'EKEYREVOKED',
    sentence: 'the token was revoked or replaced',
    remedy: '"v4v audit" says who did it and why; issue another if it was an error',
  },
  quarantine: {
    code: 'EACCES',
    sentence: 'the domain is in quarantine',
    remedy: '"v4v audit" says who put it there and why; "v4v domain release" lets it in again',
  },
  kicked: {
    code: 'ECONNRESET',
    sentence: 'an admin ended the sessions of the domain',
    remedy: '"v4v audit" says who did it and why; the client may come back',
  },
  'domain-removed': {
    code: 'ECONNRESET',
    sentence: 'the domain was removed',
    remedy: '"v4v audit" says who did it and why',
  },
  shutdown: {
    code: 'ESHUTDOWN',
    sentence: 'the daemon went down',
    remedy: 'nothing: the client may come back when the daemon does',
  },
  // ---- the client's own doing ----
  'left-early': {
    code: null,
    sentence: 'a client went away before it had said who it is',
    remedy: 'nothing, if something looks whether the daemon is there; else look at the client',
  },
  left: {
    code: null,
    sentence: 'the client said goodbye',
    remedy: 'nothing',
  },
  'connection-lost': {
    code: null,
    sentence: 'the connection was gone without a goodbye',
    remedy: 'look whether the client was killed or failed, or what lies on the way to it',
  },
} as const satisfies Readonly<Record<string, Row>>

/** The stable name of what a session ended for. */
export type EndReason = keyof typeof table

const byClient: readonly EndReason[] = ['left-early', 'left', 'connection-lost']

/** A row of the table. */
export interface EndReasonInfo extends Row {
  readonly reason: EndReason
  readonly by: EndedBy
}

/** All reasons, in the order of the table. */
export const endReasons = Object.keys(table) as readonly EndReason[]

/** The row of a reason. */
export function endReasonInfo(reason: EndReason): EndReasonInfo {
  return { reason, by: byClient.includes(reason) ? 'client' : 'daemon', ...table[reason] }
}
