import type { View } from './view.js'
import { asks } from './views/asks.js'
import { audit } from './views/audit.js'
import { auditMode } from './views/audit-mode.js'
import { domain } from './views/domain.js'
import { domains } from './views/domains.js'
import { explain } from './views/explain.js'
import { flows } from './views/flows.js'
import { graph } from './views/graph.js'
import { history } from './views/history.js'
import { lint } from './views/lint.js'
import { live } from './views/live.js'
import { overview } from './views/overview.js'
import { policy } from './views/policy.js'
import { rules } from './views/rules.js'
import { sets } from './views/sets.js'
import { tokens } from './views/tokens.js'

interface Page {
  /** As it stands in the address. */
  readonly name: string
  readonly title: string
  readonly view: View
  readonly isListed?: boolean
  /** The page that it is reached from. */
  readonly under?: string
}

/** All views; the first one is where one starts. */
export const pages: readonly Page[] = [
  { name: 'overview', title: 'Overview', view: overview },
  { name: 'flows', title: 'Flows', view: flows },
  { name: 'asks', title: 'Asks', view: asks },
  { name: 'policy', title: 'Policy', view: policy },
  { name: 'rules', title: 'Rules', view: rules },
  { name: 'history', title: 'History', view: history },
  { name: 'explain', title: 'Explain', view: explain },
  { name: 'graph', title: 'Graph', view: graph },
  { name: 'lint', title: 'Lint', view: lint },
  { name: 'sets', title: 'Sets', view: sets },
  { name: 'domains', title: 'Domains', view: domains },
  { name: 'domain', title: 'Domain', view: domain, isListed: false, under: 'domains' },
  { name: 'live', title: 'Sessions', view: live },
  { name: 'tokens', title: 'Tokens', view: tokens },
  { name: 'audit-mode', title: 'Audit mode', view: auditMode },
  { name: 'audit', title: 'Audit log', view: audit },
]
