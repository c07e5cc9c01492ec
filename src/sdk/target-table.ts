import {
  CONTROL_NAME,
  domainNameProblem,
  formatEndpoint,
  isPort,
  parseDomainId,
  parseEndpoint,
  quote,
  type Endpoint,
} from '../abi/addr.js'
import { TARGET_HANDLE_MIN } from '../abi/frame.js'
import { TARGETS_PER_SESSION_MAX } from '../abi/limits.js'
import { V4vError } from './errors.js'
import { Flow } from './flow.js'

/** Where a datagram goes: `web:80`, `7:80`, or the same in two parts. */
export type Destination = string | { readonly domain: string; readonly port: number }

/** Idle flows beyond this many are forgotten, oldest first: a server answers ever new ports. */
const FLOWS_MAX = 4096
/** How many of the oldest flows are looked at when there are too many. */
const FLOWS_LOOKED_AT = 16

/** The names and flows of one session: names to handles, `web:80` to its flow. */
export class TargetTable {
  readonly #announce: (handle: number, name: string) => void
  readonly #handles = new Map<string, number>()
  readonly #namesOfHandles: string[] = []
  readonly #flows = new Map<string, Flow>()
  /** The address that was asked for last, and its flow: mostly it is asked for again. */
  #lastKey: string | undefined
  #lastFlow: Flow | undefined
  /** Names by domain number, as far as the daemon has told them. */
  readonly #names = new Map<number, string>()

  /** Numbers used in place of names. */
  readonly #numbers = new Set<number>()

  /** @param announce tells the daemon what a new handle stands for. */
  constructor(announce: (handle: number, name: string) => void) {
    this.#announce = announce
  }

  /**
   * The flow to an address, made at its first use.
   * @throws V4vError EINVAL when it is none, ENOSPC when the session has named too many domains.
   */
  flow(to: Destination): Flow {
    if (to === this.#lastKey) return this.#lastFlow!
    const key = typeof to === 'string' ? to : formatEndpoint(to as Endpoint)
    const flow = this.#flows.get(key) ?? this.#makeFlow(to)
    this.#lastKey = key
    this.#lastFlow = flow
    return flow
  }

  /** The number that stands for a domain in frames. */
  handleOf(domain: string): number {
    const id = parseDomainId(domain)
    if (id !== undefined) {
      this.#numbers.add(id)
      return id
    }
    const known = this.#handles.get(domain)
    if (known !== undefined) return known
    const problem = domain === CONTROL_NAME ? undefined : domainNameProblem(domain)
    if (problem !== undefined) throw new V4vError('EINVAL', problem)
    if (this.#handles.size >= TARGETS_PER_SESSION_MAX) {
      throw new V4vError('ENOSPC', `a session names at most ${TARGETS_PER_SESSION_MAX} domains`)
    }
    const handle = TARGET_HANDLE_MIN + this.#handles.size
    this.#handles.set(domain, handle)
    this.#namesOfHandles.push(domain)
    this.#announce(handle, domain)
    return handle
  }

  /** Notes the name of a domain's number. */
  learn(domain: number, name: string): void {
    this.#names.set(domain, name)
  }

  /** The name of a number or handle, or the number in decimal where none is known. */
  nameOf(handle: number): string {
    const name =
      handle >= TARGET_HANDLE_MIN
        ? this.#namesOfHandles[handle - TARGET_HANDLE_MIN]
        : this.#names.get(handle)
    return name ?? String(handle)
  }

  /** All flows whose target the daemon may mean by a number or handle. */
  flowsTo(handle: number): Flow[] {
    return [...this.#flows.values()].filter(flow => this.#isSame(flow.target, handle))
  }

  /** The flows to a number or handle and port: one, unless a domain goes by name and number. */
  flowsAt(handle: number, port: number): Flow[] {
    const found: Flow[] = []
    const name = this.nameOf(handle)
    for (const domain of this.#aliases(handle, name)) {
      const flow = this.#flows.get(`${domain}:${port}`)
      if (flow !== undefined) found.push(flow)
    }
    return found
  }

  flows(): Iterable<Flow> {
    return this.#flows.values()
  }

  /** The texts a domain may have been addressed by; numbers of unknown name are taken for it. */
  #aliases(handle: number, name: string): Set<string> {
    const aliases = new Set([name])
    if (handle < TARGET_HANDLE_MIN) aliases.add(String(handle))
    for (const id of this.#numbers) {
      const known = this.#names.get(id)
      if (known === undefined || known === name) aliases.add(String(id))
    }
    return aliases
  }

  #isSame(target: number, handle: number): boolean {
    return target === handle || this.#aliases(handle, this.nameOf(handle)).has(this.nameOf(target))
  }

  #makeFlow(to: Destination): Flow {
    const endpoint = typeof to === 'string' ? parseEndpoint(to) : endpointOf(to)
    if (typeof endpoint === 'string') throw new V4vError('EINVAL', endpoint)
    const key = formatEndpoint(endpoint)
    const known = this.#flows.get(key) // written otherwise, such as web:080
    if (known !== undefined) return known
    const flow = new Flow(key, this.handleOf(endpoint.domain), endpoint.port)
    if (this.#flows.size >= FLOWS_MAX) this.#forgetIdle()
    this.#flows.set(key, flow)
    return flow
  }

  #forgetIdle(): void {
    let looked = 0
    this.#lastKey = undefined
    for (const [key, flow] of this.#flows) {
      this.#flows.delete(key)
      if (flow.isIdle) return
      this.#flows.set(key, flow) // in use: it goes behind the others
      if (++looked === FLOWS_LOOKED_AT) return
    }
  }
}

function endpointOf(to: { readonly domain: string; readonly port: number }): Endpoint | string {
  const { domain, port } = to
  if (!isPort(port)) return `${quote(String(port))} is not a port`
  return { domain, port }
}
