import Type from 'typebox'
import type { ControlApp } from '../app.js'
import { DISCONNECT_VIEWERS_MAX, disconnectView } from '../disconnect-log.js'
import { DisconnectStream } from '../disconnect-stream.js'
import { isStillAdmin } from '../plugins/auth.js'
import { Refused } from '../refused.js'
import { DisconnectList, DisconnectQuery } from '../schemas/disconnect.js'
import { errorResponses } from '../schemas/error.js'
import type { Services } from '../services.js'
import { isYes } from './flows.js'

// Typed loosely, because a stream is sent where the schema says text.
const responses: Readonly<Record<string, unknown>> = {
  200: {
    description: 'how sessions ended, the last one at the end',
    content: {
      'application/json': { schema: DisconnectList },
      'text/event-stream': { schema: Type.String() },
    },
  },
  ...errorResponses,
}

export function disconnectRoutes(app: ControlApp, services: Services): void {
  const { disconnects } = services
  const streams = new Set<DisconnectStream>()
  app.addHook('preClose', done => {
    for (const stream of streams) stream.finish()
    done()
  })

  app.get(
    '/disconnects',
    {
      exposeHeadRoute: false,
      schema: {
        summary:
          'How sessions ended, and attempts to attach: those of one domain for one reason as one entry that counts them. With ?follow as server-sent events: "disconnect" with an entry, again when it counts more; "lost" when this viewer was too slow for some.',
        querystring: DisconnectQuery,
        response: responses,
      },
    },
    async (request, reply) => {
      const { follow, limit, ...filter } = request.query
      const recent = disconnects.recent(limit, filter)
      if (!isYes(follow)) return reply.send({ disconnects: recent.map(disconnectView) })
      const first = recent[0]
      const stream = new DisconnectStream(disconnects, {
        filter,
        afterSeq: first === undefined ? disconnects.lastSeq : first.seq - 1,
        isAllowed: () => isStillAdmin(request, services),
      })
      if (!stream.start()) {
        const message = `${DISCONNECT_VIEWERS_MAX} viewers follow the ends of sessions, which is the limit`
        throw new Refused('ENOSPC', message)
      }
      streams.add(stream)
      stream.on('close', () => streams.delete(stream))
      return reply.type('text/event-stream').header('x-accel-buffering', 'no').send(stream)
    },
  )
}
