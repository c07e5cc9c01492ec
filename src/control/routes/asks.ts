import Type from 'typebox'
import { GRANT_MS_MAX } from '../../hypervisor/grant-table.js'
import { parseDuration } from '../../policy/time-text.js'
import { ASK_VIEWERS_MAX } from '../ask-feed.js'
import { AskStream } from '../ask-stream.js'
import type { ControlApp } from '../app.js'
import { causeOf, isStillAdmin } from '../plugins/auth.js'
import { accepted, Refused } from '../refused.js'
import { AskList, AskParams, Denied, GrantBody, Granted } from '../schemas/ask.js'
import { ChangeHeaders, ReasonBody } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import { FollowQuery } from '../schemas/flow.js'
import type { Services } from '../services.js'
import { isYes } from './flows.js'

const AskEvents = Type.String({
  description:
    'server-sent events: "asks", whose data is the same list as JSON; a comment every 15 seconds',
})

// Typed loosely, because a stream is sent where the schema says text.
const askResponses: Readonly<Record<string, unknown>> = {
  200: {
    description: 'the flows that wait for an operator, and those that were admitted by one',
    content: {
      'application/json': { schema: AskList },
      'text/event-stream': { schema: AskEvents },
    },
  },
  ...errorResponses,
}

export function askRoutes(app: ControlApp, services: Services): void {
  const { asks, askFeed } = services
  const streams = new Set<AskStream>()
  app.addHook('preClose', done => {
    for (const stream of streams) stream.finish()
    done()
  })

  app.get(
    '/asks',
    {
      exposeHeadRoute: false,
      schema: {
        summary:
          'Flows that wait for an operator, and grants in force. With ?follow as server-sent events: "asks" with the same list, now and whenever it has changed.',
        querystring: FollowQuery,
        response: askResponses,
      },
    },
    async (request, reply) => {
      if (!isYes(request.query.follow)) return reply.send(asks.list())
      const stream = new AskStream(askFeed, {
        list: () => asks.list(),
        isAllowed: () => isStillAdmin(request, services),
      })
      if (!stream.start()) {
        throw new Refused(
          'ENOSPC',
          `${ASK_VIEWERS_MAX} viewers follow the asks, which is the limit`,
        )
      }
      streams.add(stream)
      stream.on('close', () => streams.delete(stream))
      return reply.type('text/event-stream').header('x-accel-buffering', 'no').send(stream)
    },
  )

  app.post(
    '/asks/:id/grant',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Admits a flow that waits, for some time.',
        params: AskParams,
        headers: ChangeHeaders,
        body: GrantBody,
        response: { 200: Granted, ...errorResponses },
      },
    },
    request => {
      const { body, params } = request
      const forMs = parseDuration(body.for)
      if (typeof forMs === 'string') throw new Refused('EINVAL', `for: ${forMs}`)
      if (forMs > GRANT_MS_MAX) throw new Refused('EINVAL', 'a grant holds for 30 days at most')
      const cause = causeOf(request, body.reason)
      const { grant } = accepted(asks.grant(params.id, forMs, body.anyPort ?? false, cause))
      return { grant }
    },
  )

  app.post(
    '/asks/:id/deny',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Refuses a flow that waits.',
        params: AskParams,
        headers: ChangeHeaders,
        body: ReasonBody,
        response: { 200: Denied, ...errorResponses },
      },
    },
    request => {
      const cause = causeOf(request, request.body?.reason)
      const { ask } = accepted(asks.deny(request.params.id, cause))
      return { ask }
    },
  )

  app.delete(
    '/grants/:id',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Takes a grant back: what comes from now on is asked about again.',
        params: AskParams,
        headers: ChangeHeaders,
        response: { 200: Granted, ...errorResponses },
      },
    },
    request => {
      const { grant } = accepted(asks.revoke(request.params.id, causeOf(request)))
      return { grant }
    },
  )
}
