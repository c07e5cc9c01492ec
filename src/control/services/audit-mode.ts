import { quote } from '../../abi/addr.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { EVERYONE } from '../../store/audit-mode-store.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import type { AuditModeView } from '../schemas/audit-mode.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'

/** Audit mode, of domains and of all of them: what policy would refuse is delivered and recorded. */
export class AuditModeService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #changes: Changes

  /** Puts the hypervisor into the mode that is stored. */
  constructor(store: Store, hypervisor: Hypervisor, changes: Changes) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#changes = changes
    for (const name of store.auditModes.list()) this.#enforce(name, true)
  }

  /** Who is in audit mode. */
  view(): AuditModeView {
    const domains: string[] = []
    for (const { name, isAudited } of this.#hypervisor.domains()) if (isAudited) domains.push(name)
    return { all: this.#hypervisor.isAuditing, domains: domains.sort() }
  }

  /**
   * Switches audit mode.
   * @param domain everyone's when left out.
   * @returns ENOENT for an unknown domain.
   */
  set(
    domain: string | undefined,
    isOn: boolean,
    cause: Cause,
  ): { readonly ok: true } | Refusal<'ENOENT'> {
    const name = domain ?? EVERYONE
    return this.#changes.make(
      cause,
      () => {
        if (domain !== undefined && this.#hypervisor.domainNamed(domain) === undefined) {
          return refuse('ENOENT', `there is no domain ${quote(domain)}`)
        }
        this.#store.auditModes.set(name, isOn)
        return { ok: true } as const
      },
      () => ({ action: isOn ? 'audit-mode.on' : 'audit-mode.off', target: name }),
      () => this.#enforce(name, isOn),
    )
  }

  #enforce(name: string, isOn: boolean): void {
    const domain = this.#hypervisor.domainNamed(name)
    if (name === EVERYONE) this.#hypervisor.isAuditing = isOn
    else if (domain !== undefined) this.#hypervisor.setAudited(domain, isOn)
  }
}
