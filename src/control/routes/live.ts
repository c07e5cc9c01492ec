import type { ControlApp } from '../app.js'
import { errorResponses } from '../schemas/error.js'
import { DomainQuery, RingList } from '../schemas/ring.js'
import { SessionList } from '../schemas/session.js'
import { Stats } from '../schemas/stats.js'
import type { Services } from '../services.js'

export function liveRoutes(app: ControlApp, { live }: Services): void {
  app.get(
    '/rings',
    {
      schema: {
        summary: 'The rings that are registered.',
        querystring: DomainQuery,
        response: { 200: RingList, ...errorResponses },
      },
    },
    request => ({ rings: live.rings(request.query.domain) }),
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
        response: { 200: Stats, ...errorResponses },
      },
    },
    () => live.stats(),
  )
}
