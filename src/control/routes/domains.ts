import type { ControlApp } from '../app.js'
import { disconnectView } from '../disconnect-log.js'
import { sendPages } from '../json-reply.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { ChangeHeaders, NameParams, ReasonBody } from '../schemas/common.js'
import {
  DomainAdd,
  DomainChanged,
  DomainDetail,
  DomainKicked,
  DomainList,
  DomainPatch,
} from '../schemas/domain.js'
import { errorResponses } from '../schemas/error.js'
import type { Services } from '../services.js'
import { jsonText } from './policy.js'

export function domainRoutes(app: ControlApp, services: Services): void {
  const { disconnects, domains, live, revision } = services
  app.get(
    '/domains',
    {
      schema: { summary: 'All domains.', response: jsonText(DomainList) },
    },
    (_request, reply) => sendPages(reply, 'domains', domains.pages()),
  )

  app.post(
    '/domains',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Adds a domain.',
        headers: ChangeHeaders,
        body: DomainAdd,
        response: { 201: DomainChanged, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { domain } = accepted(await domains.add(body, causeOf(request, body.reason)))
      return reply.code(201).send({ revision: revision(), domain: domains.view(domain) })
    },
  )

  app.get(
    '/domains/:name',
    {
      schema: {
        summary:
          'One domain, with its rings and sessions, and how its last session ended that did.',
        params: NameParams,
        response: { 200: DomainDetail, ...errorResponses },
      },
    },
    request => {
      const { domain } = accepted(domains.get(request.params.name))
      const last = disconnects.lastOf(domain)
      return {
        ...domains.view(domain),
        ringDetails: live.rings({ domain: domain.name }),
        sessionDetails: live.sessions(domain.name),
        ...(last && { lastDisconnect: disconnectView(last) }),
      }
    },
  )

  app.patch(
    '/domains/:name',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Changes the tags of a domain, or whether it is enabled.',
        params: NameParams,
        headers: ChangeHeaders,
        body: DomainPatch,
        response: { 200: DomainChanged, ...errorResponses },
      },
    },
    request => {
      const { params, body } = request
      const cause = causeOf(request, body.reason)
      const { domain } = accepted(domains.patch(params.name, body, cause))
      return { revision: revision(), domain: domains.view(domain) }
    },
  )

  app.delete(
    '/domains/:name',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Removes a domain with its tokens, sessions and rings.',
        params: NameParams,
        headers: ChangeHeaders,
        response: { 200: DomainChanged, ...errorResponses },
      },
    },
    async request => {
      const { domain } = accepted(await domains.remove(request.params.name, causeOf(request)))
      return { revision: revision(), domain: domains.view(domain) }
    },
  )

  app.post(
    '/domains/:name/kick',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Ends all sessions of a domain.',
        params: NameParams,
        headers: ChangeHeaders,
        body: ReasonBody,
        response: { 200: DomainKicked, ...errorResponses },
      },
    },
    request => {
      const cause = causeOf(request, request.body?.reason)
      const { sessions } = accepted(domains.kick(request.params.name, cause))
      return { revision: revision(), sessions }
    },
  )
}
