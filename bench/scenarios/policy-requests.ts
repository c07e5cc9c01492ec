/** A request to the REST API. */
export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: string
}

/** Requests of one kind: the one with this number, from 0. */
export interface ApiRequests {
  readonly title: string
  readonly at: (number: number) => ApiRequest
}

/**
 * What an admin does with a large policy, one kind after the other, each as often as one likes.
 * @param rules that it has.
 * @param last one more that every one of them has, such as `a:* -> b:5000`, behind all others.
 */
export function policyRequests(rules: number, last?: string): readonly ApiRequests[] {
  const policies = [policyJson('a', rules, last), policyJson('b', rules, last)]
  const put = (body: string): ApiRequest => ({ method: 'PUT', path: '/v1/policy', body })
  const get = (path: string): ApiRequest => ({ method: 'GET', path })
  return [
    { title: 'the first ones', at: number => put(policies[number % 2]!) },
    { title: `apply ${rules} other rules`, at: number => put(policies[number % 2]!) },
    { title: `apply the same ${rules} rules`, at: () => put(policies[0]!) },
    {
      title: 'insert a rule',
      at: number => ({
        method: 'POST',
        path: '/v1/rules',
        body: JSON.stringify({
          id: `one-${number}`,
          action: 'drop',
          source: '*:*',
          destination: `x:${number}`,
          position: 1,
        }),
      }),
    },
    {
      title: 'remove a rule',
      at: number => ({ method: 'DELETE', path: `/v1/rules/one-${number}` }),
    },
    { title: 'read the policy', at: () => get('/v1/policy') },
    { title: 'list the rules', at: () => get('/v1/rules') },
    { title: 'scrape the metrics', at: () => get('/metrics') },
    { title: 'read the stats', at: () => get('/v1/stats') },
    { title: 'lint', at: () => get('/v1/policy/lint') },
  ]
}

function policyJson(variant: string, rules: number, last: string | undefined): string {
  const list = Array.from({ length: rules }, (_, i) => ({
    id: `rule-${variant}-${i}`,
    action: 'accept',
    source: `web${i % 500}:*`,
    destination: `db${i % 700}:${5000 + (i % 100)}`,
    comment: `application ${i} asks its database`,
  }))
  if (last === undefined) return JSON.stringify({ rules: list })
  const [source, destination] = last.split(' -> ')
  const id = 'last'
  return JSON.stringify({ rules: [...list, { id, action: 'accept', source, destination }] })
}
