import type { Port } from '../abi/addr.js'
import type { Limits } from '../abi/limits.js'
import type { Clock } from '../util/clock.js'
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

/** What the tables of such flows keep to, and whom they tell. */
export interface AskSetting {
  readonly limits: Limits
  readonly clock: Clock
  /** Steady time in whole milliseconds. */
  readonly now: () => number
  /** Called with the steady time at which `tick` has something to do. */
  readonly onDue: (at: number) => void
  /** Called when what is listed has changed. */
  readonly onChange: () => void
}

/** What tells a flow of a domain from all others. */
export function flowKey(source: Domain, flow: Omit<AskedFlow, 'source'>): string {
  const { sourcePort, destination, port, type } = flow
  return `${source.id}:${sourcePort ?? '*'} ${destination}:${port} ${type}`
}
