import Type, { type Static } from 'typebox'
import { parseEndpoint, type Endpoint } from '../../abi/addr.js'
import { ALL_PORTS, parseSelector, type NameSelector } from '../../policy/selector.js'
import { parseDuration } from '../../policy/time-text.js'
import type { ControlApp } from '../app.js'
import { sendJson } from '../json-reply.js'
import { PICTURES, type Picture } from '../policy/graph-picture.js'
import { accepted, Refused } from '../refused.js'
import { takeBytes } from '../request-bytes.js'
import {
  DiffQuery,
  DiffView,
  ExplainRequest,
  ExplanationView,
  GraphQuery,
  LintQuery,
  LintView,
  PlanQuery,
  PlanView,
  ReachQuery,
  ReachView,
} from '../schemas/inquiry.js'
import { errorResponses } from '../schemas/error.js'
import { PolicyRequest } from '../schemas/policy.js'
import type { Services } from '../services.js'
import { isYes } from './flows.js'
import { readBack } from './history.js'
import { bodyUnseen, bytesOf, jsonText } from './policy.js'

const pictureNames = Object.keys(PICTURES) as Picture[]

// Typed loosely, because of the forms of text that are no JSON.
const graphResponses: Readonly<Record<string, unknown>> = {
  200: {
    description: 'who can send to whom',
    content: {
      'application/json': { schema: ReachView },
      ...Object.fromEntries(Object.values(PICTURES).map(type => [type, { schema: Type.String() }])),
    },
  },
  ...errorResponses,
}

/** Questions about the policy. They change nothing, so a viewer may ask them. */
export function inquiryRoutes(app: ControlApp, { inquiries, limits }: Services): void {
  app.post(
    '/policy/explain',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'How the policy comes to its verdict about a datagram.',
        body: ExplainRequest,
        response: jsonText(ExplanationView),
      },
    },
    async (request, reply) => {
      const { from, to, type = 'dgram', size = 0, revision } = request.body
      const [source, destination] = [endOf('from', from), endOf('to', to)]
      const asked = {
        source: source.domain,
        sourcePort: source.port,
        destination: destination.domain,
        destinationPort: destination.port,
        type,
        size,
      }
      return sendJson(reply, accepted(await inquiries.explain(asked, revision)).json)
    },
  )

  for (const way of ['who-can', 'what-can'] as const) {
    app.get(
      `/policy/${way}`,
      {
        schema: {
          summary:
            way === 'who-can'
              ? 'Who can send to a domain, on which ports and by which rule.'
              : 'Whom a domain can send to, on which ports and by which rule.',
          querystring: ReachQuery,
          response: jsonText(ReachView),
        },
      },
      async (request, reply) => {
        const { domain, revision } = request.query
        const { name, ports } = endsOf(domain)
        return sendJson(reply, accepted(await inquiries.reach(way, name, ports, revision)).json)
      },
    )
  }

  app.get(
    '/policy/graph',
    {
      schema: {
        summary:
          'Everything that the policy lets through, as JSON, or drawn as ?format or Accept asks for.',
        querystring: GraphQuery,
        response: graphResponses,
      },
    },
    async (request, reply) => {
      const { revision, format = formatOf(request.headers.accept) } = request.query
      if (format === 'json') return sendJson(reply, accepted(await inquiries.graph(revision)).json)
      const { text } = accepted(await inquiries.picture(format, revision))
      // A picture is to be looked at, and to do nothing else in a browser.
      reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      return reply.type(`${PICTURES[format]}; charset=utf-8`).send(text)
    },
  )

  app.get(
    '/policy/lint',
    {
      schema: {
        summary: 'What is probably not meant; of the policy in force also what was never hit.',
        querystring: LintQuery,
        response: jsonText(LintView),
      },
    },
    async (request, reply) => {
      const { revision, comments, unused } = request.query
      if (unused !== undefined && revision !== undefined) {
        throw new Refused('EINVAL', 'unused: hits are counted for the policy in force only')
      }
      const unusedMs = unused === undefined ? undefined : parseDuration(unused)
      if (typeof unusedMs === 'string') throw new Refused('EINVAL', `unused: ${unusedMs}`)
      const asks = { comments: isYes(comments), unusedMs }
      return sendJson(reply, accepted(await inquiries.lint(revision, asks)).json)
    },
  )

  app.get(
    '/policy/diff',
    {
      schema: {
        summary: 'What tells two revisions apart, by rule and by decision.',
        querystring: DiffQuery,
        response: jsonText(DiffView),
      },
    },
    async (request, reply) => {
      const { from, to } = request.query
      return sendJson(reply, accepted(await inquiries.diff(from, to)).json)
    },
  )

  app.register((whole, _options, done) => {
    takeBytes(whole)
    whole.post(
      '/policy/plan',
      {
        config: { role: 'viewer' },
        bodyLimit: limits.policyBytesMax,
        validatorCompiler: bodyUnseen,
        schema: {
          summary:
            'What a policy would change: its tests, lint, rules, decisions, and flows seen lately.',
          querystring: PlanQuery,
          body: PolicyRequest,
          response: jsonText(PlanView),
        },
      },
      async (request, reply) => {
        const { replay } = request.query as Static<typeof PlanQuery>
        const back = replay === undefined ? undefined : readBack(replay)
        return sendJson(reply, accepted(await inquiries.plan(bytesOf(request), back)).json)
      },
    )
    done()
  })
}

/** What an Accept header asks for first of what there is; JSON when it asks for nothing else. */
function formatOf(accept = ''): Picture | 'json' {
  for (const range of accept.split(',')) {
    const type = range.split(';')[0]!.trim().toLowerCase()
    if (type === 'application/json') return 'json'
    const picture = pictureNames.find(name => PICTURES[name] === type)
    if (picture !== undefined) return picture
  }
  return 'json'
}

function endOf(field: string, text: string): Endpoint {
  const end = parseEndpoint(text)
  if (typeof end === 'string') throw new Refused('EINVAL', `${field}: ${end}`)
  return end
}

function endsOf(text: string): Pick<NameSelector, 'name' | 'ports'> {
  const ends = parseSelector(text.replace(/^tag:/, '').includes(':') ? text : `${text}:*`)
  if (typeof ends === 'string') throw new Refused('EINVAL', `domain: ${ends}`)
  if (ends.kind === 'name') return { name: ends.name, ports: ends.ports ?? ALL_PORTS }
  if (ends.kind === 'tag') return { name: `tag:${ends.tag}`, ports: ends.ports ?? ALL_PORTS }
  throw new Refused('EINVAL', 'domain: it is a name or a tag, such as web, web:80 or tag:db')
}
