/** The public list of the SDK. */
export { connect, type ConnectOptions } from './connect.js'
export {
  Domain,
  type BindOptions,
  type DomainLimits,
  type NotifyOptions,
  type RequestOptions,
} from './domain.js'
export { Ring, type RingEvents, type SendOptions } from './ring.js'
export { Datagram } from './datagram.js'
export { Batch } from './batch.js'
export type { Destination } from './target-table.js'
export type { RingQuery, RingStatus } from './ring-status.js'
export type { Status } from './status-feed.js'
export type { CallOptions } from './deadline.js'
export { AbortError, V4vError, type V4vErrorDetails } from './errors.js'
export type { Transport, TransportFactory, TransportKind, TransportReceiver } from './transport.js'
export type { WorkerEnd } from './worker-transport.js'
export { memoryPair } from './memory-transport.js'
export type { ErrorCode } from '../abi/errno.js'
export type { MessageType } from '../abi/addr.js'
