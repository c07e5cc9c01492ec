import type { DomainId } from '../../abi/addr.js'
import type { Subject } from '../../policy/subject.js'
import type { KnownDomain } from './policy-messages.js'

/** The domains of the daemon as far as policies speak of them, where their thread can see them. */
export class KnownDomains {
  readonly #byName = new Map<string, KnownDomain>()

  /** Notes domains that are new or have changed. */
  set(domains: readonly KnownDomain[]): void {
    for (const domain of domains) this.#byName.set(domain.name, domain)
  }

  /** Forgets a domain that was removed. */
  drop(name: string): void {
    this.#byName.delete(name)
  }

  all(): KnownDomain[] {
    return [...this.#byName.values()]
  }

  /** A domain with its tags; one without any when there is none of this name. */
  subjectOf(name: string): Subject {
    return this.#byName.get(name) ?? { name, tags: [] }
  }

  /** The name of the domain that has this number now. */
  nameOf(id: DomainId): string | undefined {
    for (const domain of this.#byName.values()) if (domain.id === id) return domain.name
    return undefined
  }
}
