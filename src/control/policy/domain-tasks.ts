import { KnownDomains } from './known-domains.js'
import type { KnownDomain } from './policy-messages.js'
import type { Surroundings } from './policy-plan.js'

/** What a thread does that has to know the domains there are. */
export abstract class DomainTasks {
  protected readonly domains = new KnownDomains()

  /** Notes domains that are new or have changed. */
  setDomains(domains: readonly KnownDomain[]): void {
    this.domains.set(domains)
  }

  /** Forgets a domain that was removed. */
  dropDomain(name: string): void {
    this.domains.drop(name)
  }

  protected surroundings(now: number): Surroundings {
    return { domains: this.domains.all(), now }
  }
}
