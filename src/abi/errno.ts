/**
 * The one table of everything that can be answered besides success. Numbers are Linux's
 * (asm-generic/errno.h), sentences are what a person reads, `http` is the status of a REST
 * answer and `close` the WebSocket close code (RFC 6455 section 7.4; 4000 + errno where the RFC
 * has no word for it). `retryable`: the same call may succeed later with nothing else changed.
 */
const table = {
  EPERM: {
    errno: 1,
    http: 403,
    close: 4001,
    retryable: false,
    sentence: 'policy rejects this datagram',
  },
  ENOENT: {
    errno: 2,
    http: 404,
    close: 4002,
    retryable: false,
    sentence: 'there is no such thing',
  },
  ESRCH: { errno: 3, http: 404, close: 4003, retryable: true, sentence: 'there is no such domain' },
  EIO: { errno: 5, http: 500, close: 1011, retryable: false, sentence: 'the daemon failed' },
  E2BIG: {
    errno: 7,
    http: 413,
    close: 1009,
    retryable: false,
    sentence: 'the request is larger than is allowed',
  },
  EAGAIN: {
    errno: 11,
    http: 503,
    close: 4011,
    retryable: true,
    sentence: 'it can not be taken now; a space event will follow',
  },
  EACCES: {
    errno: 13,
    http: 401,
    close: 4013,
    retryable: false,
    sentence: 'the credential is not valid',
  },
  EBUSY: {
    errno: 16,
    http: 503,
    close: 4016,
    retryable: true,
    sentence: 'the ring is full and so is its table of waiters',
  },
  EEXIST: { errno: 17, http: 409, close: 4017, retryable: false, sentence: 'it exists already' },
  EINVAL: {
    errno: 22,
    http: 400,
    close: 4022,
    retryable: false,
    sentence: 'the request is malformed',
  },
  ENOSPC: { errno: 28, http: 507, close: 4028, retryable: false, sentence: 'a limit is reached' },
  EPROTO: {
    errno: 71,
    http: 400,
    close: 1002,
    retryable: false,
    sentence: 'the bytes do not follow the protocol',
  },
  EMSGSIZE: {
    errno: 90,
    http: 413,
    close: 4090,
    retryable: false,
    sentence: 'the message is larger than that ring or its rule takes',
  },
  EPROTONOSUPPORT: {
    errno: 93,
    http: 400,
    close: 4093,
    retryable: false,
    sentence: 'this protocol version is not spoken here',
  },
  EOPNOTSUPP: {
    errno: 95,
    http: 501,
    close: 4095,
    retryable: false,
    sentence: 'that is not to be had here',
  },
  EADDRINUSE: {
    errno: 98,
    http: 409,
    close: 4098,
    retryable: false,
    sentence: 'another session holds that ring',
  },
  EADDRNOTAVAIL: {
    errno: 99,
    http: 400,
    close: 4099,
    retryable: false,
    sentence: 'the source port is not bound by this session',
  },
  ECONNRESET: {
    errno: 104,
    http: 502,
    close: 4104,
    retryable: true,
    sentence: 'the session or ring went away before the message was accepted',
  },
  ESHUTDOWN: {
    errno: 108,
    http: 503,
    close: 1001,
    retryable: true,
    sentence: 'the daemon is shutting down',
  },
  ETIMEDOUT: {
    errno: 110,
    http: 504,
    close: 4110,
    retryable: true,
    sentence: 'it took longer than allowed',
  },
  ECONNREFUSED: {
    errno: 111,
    http: 502,
    close: 4111,
    retryable: true,
    sentence: 'nobody listens there',
  },
  ESTALE: {
    errno: 116,
    http: 412,
    close: 4116,
    retryable: false,
    sentence: 'it was changed by someone else meanwhile',
  },
  EDQUOT: {
    errno: 122,
    http: 429,
    close: 4122,
    retryable: true,
    sentence: 'your share or quota is used up',
  },
  EKEYEXPIRED: {
    errno: 127,
    http: 401,
    close: 4127,
    retryable: false,
    sentence: 'the token has expired',
  },
  EKEYREVOKED: {
    errno: 128,
    http: 401,
    close: 4128,
    retryable: false,
    sentence: 'the token was revoked',
  },
} as const

/** The stable name of a failure. */
export type ErrorCode = keyof typeof table

/** A row of the table. */
export interface ErrorInfo {
  readonly code: ErrorCode
  /** Linux's number. */
  readonly errno: number
  /** HTTP status of a REST answer. */
  readonly http: number
  /** WebSocket close code. */
  readonly close: number
  readonly retryable: boolean
  readonly sentence: string
}

/** All codes, in the order of their numbers. */
export const errorCodes = Object.keys(table) as readonly ErrorCode[]

const byErrno = new Map<number, ErrorCode>(errorCodes.map(code => [table[code].errno, code]))

/** The row of a code. */
export function errorInfo(code: ErrorCode): ErrorInfo {
  return { code, ...table[code] }
}

/** Linux's number of a code. */
export function errnoOf(code: ErrorCode): number {
  return table[code].errno
}

/** The code of a number from the wire; EIO for one this version does not know. */
export function codeOfErrno(errno: number): ErrorCode {
  return byErrno.get(errno) ?? 'EIO'
}
