import type { ControlApp } from '../app.js'
import { errorResponses } from '../schemas/error.js'
import { DomainQuery, RingList, RingQuery } from '../schemas/ring.js'
import { SessionList } from '../schemas/session.js'
import { Stats, StatsQuery } from '../schemas/stats.js'
import type { Services } from '../services.js'

export function liveRoutes(app: ControlApp, { live }: Services): void {
  app.get(
    '/rings',
    {
      schema: {
        summary: 'The rings that are registered.',
        querystring: RingQuery,
        response: { 200: RingList, ...errorResponses },
      },
    },
    request => ({ rings: live.rings(request.query) }),
  )

  app.get(
    '/sessions',
    {
      schema: {
        summary: 'The sessions that are attached.',
        querystring: DomainQuery,
        response: { 200: SessionList, ...errorResponses },
      },
    },
    request => ({ sessions: live.sessions(request.query.domain) }),
  )

  app.get(
    '/stats',
    {
      schema: {
        summary: 'What was counted since the daemon started; verdicts also from before.',
        querystring: StatsQuery,
        response: { 200: Stats, ...errorResponses },
      },
    },
    request => live.stats(request.query),
  )
}
