import type { MessageType } from '../abi/addr.js'
import type { Subject } from './subject.js'

/** What is decided on: everything about a datagram that a rule can see. */
export interface Tuple {
  readonly source: Subject
  readonly sourcePort: number
  readonly destination: Subject
  readonly destinationPort: number
  readonly type: MessageType
}
