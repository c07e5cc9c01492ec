import { messageTypeOf, type Port } from '../../abi/addr.js'
import type { Ask } from '../../hypervisor/ask-table.js'
import type { AskedFlow } from '../../hypervisor/asked-flow.js'
import type { Grant } from '../../hypervisor/grant-table.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import { assert } from '../../util/assert.js'
import type { AskList, AskView, GrantView } from '../schemas/ask.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'

/** What operators do with flows of which the policy says `ask`. */
export class AskService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #changes: Changes

  /** Puts the grants in force that are stored. */
  constructor(store: Store, hypervisor: Hypervisor, changes: Changes) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#changes = changes
    for (const grant of store.grants.list()) {
      const { flow } = grant
      const source = hypervisor.domainNamed(flow.source)
      const kept = {
        ...grant,
        flow: { ...flow, sourcePort: flow.sourcePort as Port | undefined, port: flow.port as Port },
      }
      const isKept = source !== undefined && hypervisor.asks.restore(source, kept)
      if (!isKept) store.grants.remove(grant.id)
    }
  }

  /** Who waits, and what was granted. */
  list(): AskList {
    const { asks } = this.#hypervisor
    return { asks: asks.asks().map(askView), grants: asks.grants.list().map(grantView) }
  }

  /**
   * Admits a flow that waits for some time.
   * @param forMs milliseconds, from 1 to GRANT_MS_MAX.
   * @param anyPort from whatever port of its domain.
   * @returns ENOENT when it does not wait any more, ENOSPC at the limit of grants.
   */
  grant(
    id: number,
    forMs: number,
    anyPort: boolean,
    cause: Cause,
  ): { readonly ok: true; readonly grant: GrantView } | Refusal<'ENOENT' | 'ENOSPC'> {
    const { asks, limits } = this.#hypervisor
    let granted: Grant | undefined
    const outcome = this.#changes.make(
      cause,
      () => {
        const ask = this.#find(id)
        if (ask === undefined) return notWaiting(id)
        if (asks.grants.list().length >= limits.grantsMax) {
          const message = `${limits.grantsMax} grants are in force, which is the limit: revoke one`
          return refuse('ENOSPC', message)
        }
        const flow = anyPort ? { ...ask.flow, sourcePort: undefined } : ask.flow
        const since = this.#store.grants.put(id, flow, forMs, cause.actor)
        return { ok: true, ask, since } as const
      },
      ({ ask }) => ({
        action: 'ask.grant',
        target: flowText(ask.flow),
        detail: { id, rule: ask.rule.id, forMs, anyPort },
      }),
      ({ since }) => {
        const done = asks.grant(id, forMs, anyPort, cause.actor, since)
        assert(done.ok, 'what waited still waits')
        granted = done.grant
      },
    )
    return outcome.ok ? { ok: true, grant: grantView(granted!) } : outcome
  }

  /** Refuses a flow that waits. @returns ENOENT when it does not wait any more. */
  deny(id: number, cause: Cause): { readonly ok: true; readonly ask: AskView } | Refusal<'ENOENT'> {
    const outcome = this.#changes.make(
      cause,
      () => {
        const ask = this.#find(id)
        return ask === undefined ? notWaiting(id) : ({ ok: true, ask } as const)
      },
      ({ ask }) => ({
        action: 'ask.deny',
        target: flowText(ask.flow),
        detail: { id, rule: ask.rule.id },
      }),
      () => this.#hypervisor.asks.deny(id),
    )
    return outcome.ok ? { ok: true, ask: askView(outcome.ask) } : outcome
  }

  /** Takes a grant back. @returns ENOENT when it is not in force. */
  revoke(
    id: number,
    cause: Cause,
  ): { readonly ok: true; readonly grant: GrantView } | Refusal<'ENOENT'> {
    const { asks } = this.#hypervisor
    const outcome = this.#changes.make(
      cause,
      () => {
        const grant = asks.grants.list().find(each => each.id === id)
        if (grant === undefined) {
          return refuse('ENOENT', `there is no grant ${id}: it may be over`)
        }
        this.#store.grants.remove(id)
        return { ok: true, grant } as const
      },
      ({ grant }) => ({
        action: 'ask.revoke',
        target: flowText(grant.flow),
        detail: { id, by: grant.by },
      }),
      () => asks.grants.revoke(id),
    )
    return outcome.ok ? { ok: true, grant: grantView(outcome.grant) } : outcome
  }

  #find(id: number): Ask | undefined {
    return this.#hypervisor.asks.asks().find(ask => ask.id === id)
  }
}

function askView({ id, flow, rule, since, deadline, datagrams }: Ask): AskView {
  const { place } = rule
  return { id, ...flowView(flow), rule: rule.id, ...place, since, deadline, datagrams }
}

function grantView({ id, flow, by, since, expires, datagrams }: Grant): GrantView {
  return { id, ...flowView(flow), by, since, expires, datagrams }
}

function flowView(flow: AskedFlow): Pick<AskView, 'source' | 'destination' | 'type'> {
  const { source, sourcePort, destination, port, type } = flow
  return {
    source: `${source}:${sourcePort ?? '*'}`,
    destination: `${destination}:${port}`,
    // Only of messages with a type that there is anybody is asked.
    type: messageTypeOf(type)!,
  }
}

function flowText(flow: AskedFlow): string {
  const { source, destination, type } = flowView(flow)
  return `${source} -> ${destination} ${type}`
}

function notWaiting(id: number): Refusal<'ENOENT'> {
  return refuse('ENOENT', `nothing waits under the number ${id}: it may have waited too long`)
}
