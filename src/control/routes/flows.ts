import Type from 'typebox'
import { parseDecisionId } from '../../abi/decision-id.js'
import { quote } from '../../abi/addr.js'
import type { ControlApp } from '../app.js'
import { FLOW_VIEWERS_MAX, flowView } from '../flow-log.js'
import { FlowStream } from '../flow-stream.js'
import { isStillAdmin } from '../plugins/auth.js'
import { Refused } from '../refused.js'
import { DecisionParams, FlowList, FlowQuery, FlowView } from '../schemas/flow.js'
import { errorResponses } from '../schemas/error.js'
import type { Services } from '../services.js'

const FlowEvents = Type.String({
  description:
    'server-sent events: "flow", whose data is a Flow as JSON and whose id is its seq, and "lost", whose data is lost=n; a comment every 15 seconds',
})

// Typed loosely, because a stream is sent where the schema says text.
const flowResponses: Readonly<Record<string, unknown>> = {
  200: {
    description: 'the flows',
    content: {
      'application/json': { schema: FlowList },
      'text/event-stream': { schema: FlowEvents },
    },
  },
  ...errorResponses,
}

export function flowRoutes(app: ControlApp, services: Services): void {
  const { flows } = services
  const streams = new Set<FlowStream>()
  app.addHook('preClose', done => {
    for (const stream of streams) stream.finish()
    done()
  })

  app.get(
    '/flows',
    {
      exposeHeadRoute: false,
      schema: {
        summary:
          'Refusals and first datagrams of flows: the recent ones, then with ?follow those to come. Server-sent events "flow", and "lost" with lost=n when this viewer was too slow for n of them; with ?format=json a list of the recent ones.',
        querystring: FlowQuery,
        response: flowResponses,
      },
    },
    async (request, reply) => {
      const { follow, format, limit, ...filter } = request.query
      const recent = flows.recent(limit, filter)
      if (format === 'json') return reply.send({ flows: recent.map(flowView) })
      const stream = new FlowStream(flows, {
        filter,
        fromSeq: recent[0]?.seq ?? flows.nextSeq,
        follow: isYes(follow),
        isAllowed: () => isStillAdmin(request, services),
      })
      if (!stream.start()) {
        const message = `${FLOW_VIEWERS_MAX} viewers follow the flow log, which is the limit`
        throw new Refused('ENOSPC', message)
      }
      streams.add(stream)
      stream.on('close', () => streams.delete(stream))
      return reply.type('text/event-stream').header('x-accel-buffering', 'no').send(stream)
    },
  )

  app.get(
    '/decisions/:id',
    {
      schema: {
        summary: 'What was decided under the id that a sender got with its error, and why.',
        params: DecisionParams,
        response: { 200: FlowView, ...errorResponses },
      },
    },
    request => {
      const { id } = request.params
      const decisionId = parseDecisionId(id)
      if (decisionId === undefined) {
        throw new Refused('EINVAL', `${quote(id)} is not the id of a decision, such as d-1f`)
      }
      const entry = flows.find(decisionId)
      if (entry !== undefined) return flowView(entry)
      throw new Refused(
        'ENOENT',
        `decision ${id} is not among the last ${flows.capacity} that are kept`,
      )
    },
  )
}

/** `?follow` means yes. */
export function isYes(value: string | undefined): boolean {
  return value !== undefined && value !== 'false' && value !== '0'
}
