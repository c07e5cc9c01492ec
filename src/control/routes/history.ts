import { parseDuration } from '../../policy/time-text.js'
import type { ControlApp } from '../app.js'
import { sendJson } from '../json-reply.js'
import { accepted, Refused } from '../refused.js'
import {
  HISTORY_MAX,
  HistoryList,
  HistoryQuery,
  SinceQuery,
  Suggestion,
} from '../schemas/history.js'
import type { Services } from '../services.js'
import type { FlowHistory } from '../services/flow-history.js'
import { jsonText } from './policy.js'

const DEFAULT_BACK = '7d'

export function historyRoutes(app: ControlApp, { history, inquiries }: Services): void {
  app.get(
    '/flows/history',
    {
      schema: {
        summary: 'What became of which flows, as it was written down.',
        querystring: HistoryQuery,
        response: jsonText(HistoryList),
      },
    },
    async (request, reply) => {
      const { since, limit = HISTORY_MAX, verdict, ...ends } = request.query
      const query = { effect: verdict, ...ends }
      const found = await inquiries.history(there(history), readBack(since), query, limit)
      return sendJson(reply, accepted(found).json)
    },
  )

  app.get(
    '/policy/suggest',
    {
      schema: {
        summary: 'A draft of a policy that lets through what was let through, with tests.',
        querystring: SinceQuery,
        response: jsonText(Suggestion),
      },
    },
    async (request, reply) => {
      const back = readBack(request.query.since)
      const { json } = accepted(await inquiries.suggest(there(history), back))
      return sendJson(reply, json)
    },
  )
}

/**
 * Reads how far to look back, such as `24h`, in milliseconds.
 * @throws Refused EINVAL
 */
export function readBack(text: string = DEFAULT_BACK): number {
  const ms = parseDuration(text)
  if (typeof ms === 'string') throw new Refused('EINVAL', `since: ${ms}`)
  return ms
}

function there(history: FlowHistory | undefined): FlowHistory {
  if (history !== undefined) return history
  throw new Refused('ENOENT', 'this daemon does not write down what becomes of flows')
}
