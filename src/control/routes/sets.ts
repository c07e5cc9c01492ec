import { parseDuration } from '../../policy/time-text.js'
import type { ControlApp } from '../app.js'
import { causeOf } from '../plugins/auth.js'
import { accepted, Refused } from '../refused.js'
import { ChangeHeaders } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import { ElementAdd, ElementChanged, ElementParams, SetList, SetParams } from '../schemas/set.js'
import type { Services } from '../services.js'

export function setRoutes(app: ControlApp, { sets, revision }: Services): void {
  app.get(
    '/sets',
    {
      schema: {
        summary: 'The sets of the policy, with what was put into them by hand.',
        response: { 200: SetList, ...errorResponses },
      },
    },
    () => ({ revision: revision(), sets: sets.list() }),
  )

  app.post(
    '/sets/:name/elements',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Puts an element into a set, for some time or for good; it makes no revision.',
        params: SetParams,
        headers: ChangeHeaders,
        body: ElementAdd,
        response: { 201: ElementChanged, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const timeoutMs = body.timeout === undefined ? undefined : readTimeout(body.timeout)
      const cause = causeOf(request, body.reason)
      const added = accepted(sets.add(params.name, body.element, timeoutMs, cause))
      const { set, element, expiresAt = null } = added
      return reply.code(201).send({ revision: revision(), set, element, expiresAt })
    },
  )

  app.delete(
    '/sets/:name/elements/:element',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Takes out of a set what was put into it by hand.',
        params: ElementParams,
        headers: ChangeHeaders,
        response: { 200: ElementChanged, ...errorResponses },
      },
    },
    request => {
      const { name, element: text } = request.params
      const { set, element, expiresAt = null } = accepted(sets.remove(name, text, causeOf(request)))
      return { revision: revision(), set, element, expiresAt }
    },
  )
}

function readTimeout(text: string): number {
  const ms = parseDuration(text)
  if (typeof ms === 'string') throw new Refused('EINVAL', `timeout: ${ms}`)
  return ms
}
