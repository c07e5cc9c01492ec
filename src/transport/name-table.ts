import { CONTROL_NAME, domainNameProblem, parseDomainId, type DomainId } from '../abi/addr.js'
import { TARGET_HANDLE_MIN } from '../abi/frame.js'
import type { Domain } from '../hypervisor/domain.js'
import type { Party } from '../hypervisor/event.js'
import type { Hypervisor } from '../hypervisor/hypervisor.js'
import type { SessionEnd } from '../hypervisor/session-end.js'
import type { Target } from '../hypervisor/target.js'

/**
 * How one client and the daemon call domains: by handles the client gave to names, and by
 * numbers. A number whose name the client has not been told is told before it is used.
 */
export class NameTable {
  readonly #hypervisor: Hypervisor
  /** By handle less TARGET_HANDLE_MIN: a name's target, or a domain's number. */
  readonly #targets: (Target | DomainId | undefined)[] = []
  readonly #handles = new Map<string, number>()
  /** Whose names they are counted as. */
  #owner: Domain | undefined
  /** The name each number was told with: a number may come to be another domain's one day. */
  readonly #toldNames = new Map<number, string>()

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor
  }

  /**
   * Gives a name a handle; each handle once.
   * @param owner the client's domain.
   * @returns nothing, or what is wrong.
   */
  define(handle: number, name: string, owner: Domain): SessionEnd | undefined {
    if (handle < TARGET_HANDLE_MIN)
      return malformed(`TARGET names handle ${handle}, below ${TARGET_HANDLE_MIN}`)
    const index = handle - TARGET_HANDLE_MIN
    if (this.#targets[index] !== undefined) return malformed(`TARGET handle ${handle} is taken`)
    const id = parseDomainId(name)
    if (id !== undefined) {
      this.#targets[index] = id
      return undefined
    }
    const problem = name === CONTROL_NAME ? undefined : domainNameProblem(name)
    if (problem !== undefined) return malformed(`TARGET: ${problem}`)
    const { targetsPerDomainMax: limit } = this.#hypervisor.limits
    if (owner.namesHeld >= limit) {
      const detail = `the sessions of a domain name at most ${limit} domains`
      return { reason: 'targets-too-many', detail, limit, used: owner.namesHeld + 1 }
    }
    this.#owner = owner
    owner.namesHeld++
    this.#targets[index] = this.#hypervisor.holdTarget(name)
    if (!this.#handles.has(name)) this.#handles.set(name, handle)
    return undefined
  }

  /** What a frame's number stands for; undefined for a handle that was not defined. */
  target(number: number): Target | undefined {
    if (number < TARGET_HANDLE_MIN) return this.#hypervisor.targetOfId(number as DomainId)
    const target = this.#targets[number - TARGET_HANDLE_MIN]
    return typeof target === 'number' ? this.#hypervisor.targetOfId(target) : target
  }

  /** How to call a domain in a frame to the client; `tell` is set when it must be told first. */
  numberOf(party: Party): { number: number; tell: boolean } {
    const handle = this.#handles.get(party.name)
    if (handle !== undefined) return { number: handle, tell: false }
    return { number: party.id, tell: this.mustTell(party) }
  }

  /** True once for each domain: before anything mentions its number the client is told its name. */
  mustTell({ id, name }: Party): boolean {
    if (this.#toldNames.get(id) === name) return false
    this.#toldNames.set(id, name)
    return true
  }

  /** Gives everything back; to be called when the session ends. */
  close(): void {
    for (const target of this.#targets) {
      if (typeof target !== 'object') continue
      this.#hypervisor.releaseTarget(target)
      this.#owner!.namesHeld--
    }
    this.#targets.length = 0
    this.#handles.clear()
  }
}

function malformed(detail: string): SessionEnd {
  return { reason: 'target-malformed', detail }
}
