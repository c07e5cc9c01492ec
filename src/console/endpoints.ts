import type { Answers } from './answers.js'

/** What an admin's token allows; each role may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'policy-admin', 'root'] as const
export type Role = (typeof ROLES)[number]

/** A request that the console makes. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As the description of the API has it; parts in braces are filled in. */
  readonly path: string
  /** The least role: who has less is not offered it, and would be refused by the daemon. */
  readonly role: Role
}

/** All that the console asks of a daemon. */
export const endpoints: Readonly<Record<keyof Answers, Endpoint>> = {
  ready: get('/readyz'),
  whoami: get('/v1/whoami'),
  stats: get('/v1/stats'),
  rings: get('/v1/rings'),
  sessions: get('/v1/sessions'),
  disconnects: get('/v1/disconnects'),
  flows: get('/v1/flows'),
  pastFlows: get('/v1/flows/history'),
  decision: get('/v1/decisions/{id}'),
  policy: get('/v1/policy'),
  applyPolicy: by('policy-admin', 'PUT', '/v1/policy'),
  planPolicy: by('viewer', 'POST', '/v1/policy/plan'),
  confirmPolicy: by('policy-admin', 'POST', '/v1/policy/confirm'),
  rollBackPolicy: by('policy-admin', 'POST', '/v1/policy/rollback'),
  revisions: get('/v1/policy/revisions'),
  revision: get('/v1/policy/revisions/{revision}'),
  diff: get('/v1/policy/diff'),
  policySchema: get('/v1/policy/schema'),
  explain: by('viewer', 'POST', '/v1/policy/explain'),
  whoCan: get('/v1/policy/who-can'),
  whatCan: get('/v1/policy/what-can'),
  graph: get('/v1/policy/graph'),
  lint: get('/v1/policy/lint'),
  suggest: get('/v1/policy/suggest'),
  rules: get('/v1/rules'),
  rule: get('/v1/rules/{id}'),
  addRule: by('policy-admin', 'POST', '/v1/rules'),
  changeRule: by('policy-admin', 'PATCH', '/v1/rules/{id}'),
  removeRule: by('policy-admin', 'DELETE', '/v1/rules/{id}'),
  zeroRules: by('policy-admin', 'POST', '/v1/rules/zero'),
  zeroRule: by('policy-admin', 'POST', '/v1/rules/{id}/zero'),
  sets: get('/v1/sets'),
  addElement: by('operator', 'POST', '/v1/sets/{name}/elements'),
  removeElement: by('operator', 'DELETE', '/v1/sets/{name}/elements/{element}'),
  asks: get('/v1/asks'),
  grantAsk: by('operator', 'POST', '/v1/asks/{id}/grant'),
  denyAsk: by('operator', 'POST', '/v1/asks/{id}/deny'),
  revokeGrant: by('operator', 'DELETE', '/v1/grants/{id}'),
  domains: get('/v1/domains'),
  domain: get('/v1/domains/{name}'),
  addDomain: by('policy-admin', 'POST', '/v1/domains'),
  changeDomain: by('policy-admin', 'PATCH', '/v1/domains/{name}'),
  kickDomain: by('operator', 'POST', '/v1/domains/{name}/kick'),
  removeDomain: by('policy-admin', 'DELETE', '/v1/domains/{name}'),
  domainTokens: get('/v1/domains/{name}/tokens'),
  issueDomainToken: by('policy-admin', 'POST', '/v1/domains/{name}/tokens'),
  tokens: get('/v1/tokens'),
  issueToken: by('root', 'POST', '/v1/tokens'),
  rotateToken: by('policy-admin', 'POST', '/v1/tokens/{id}/rotate'),
  revokeToken: by('policy-admin', 'DELETE', '/v1/tokens/{id}'),
  auditMode: get('/v1/audit-mode'),
  setAuditMode: by('policy-admin', 'PUT', '/v1/audit-mode'),
  audit: get('/v1/audit'),
  verifyAudit: get('/v1/audit/verify'),
}

export type Call = keyof Answers

function get(path: string): Endpoint {
  return { method: 'GET', path, role: 'viewer' }
}

function by(role: Role, method: Endpoint['method'], path: string): Endpoint {
  return { method, path, role }
}
