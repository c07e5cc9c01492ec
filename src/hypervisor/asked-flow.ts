import type { Port } from '../abi/addr.js'
import type { Domain } from './domain.js'

/** A flow of which the policy says `ask`. */
export interface AskedFlow {
  readonly source: string
  /** Undefined for every port: those that a daemon picks mean nothing to a person. */
  readonly sourcePort: Port | undefined
  readonly destination: string
  readonly port: Port
  /** A number of MESSAGE_TYPES. */
  readonly type: number
}

/** What tells a flow of a domain from all others. */
export function flowKey(source: Domain, flow: Omit<AskedFlow, 'source'>): string {
  const { sourcePort, destination, port, type } = flow
  return `${source.id}:${sourcePort ?? '*'} ${destination}:${port} ${type}`
}
