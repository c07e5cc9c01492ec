import { parseDuration } from '../../policy/time-text.js'
import { isFolded, type SeenFlow } from '../../policy/seen-flow.js'
import type { ControlApp } from '../app.js'
import { accepted, Refused } from '../refused.js'
import { errorResponses } from '../schemas/error.js'
import {
  HISTORY_MAX,
  HistoryList,
  HistoryQuery,
  SinceQuery,
  Suggestion,
  type SeenFlowView,
} from '../schemas/history.js'
import type { Services } from '../services.js'
import type { FlowHistory } from '../services/flow-history.js'

const DEFAULT_BACK = '7d'
const JSON_TYPE = 'application/json; charset=utf-8'

export function historyRoutes(app: ControlApp, { history, inquiries }: Services): void {
  app.get(
    '/flows/history',
    {
      schema: {
        summary: 'What became of which flows, as it was written down.',
        querystring: HistoryQuery,
        response: { 200: HistoryList, ...errorResponses },
      },
    },
    async request => {
      const { since, limit = HISTORY_MAX, verdict, ...ends } = request.query
      const kept = there(history)
      const flows = await kept.find(readBack(since), { effect: verdict, ...ends }, limit)
      return { flows: flows.map(seenFlowView), lost: kept.lost }
    },
  )

  app.get(
    '/policy/suggest',
    {
      schema: {
        summary: 'A draft of a policy that lets through what was let through, with tests.',
        querystring: SinceQuery,
        response: { 200: Suggestion, ...errorResponses },
      },
    },
    async (request, reply) => {
      const back = readBack(request.query.since)
      const { json } = accepted(await inquiries.suggest(there(history), back))
      return reply.type(JSON_TYPE).send(json as never)
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

/** A flow as REST shows it. */
export function seenFlowView(flow: SeenFlow): SeenFlowView {
  const { sourcePort, destinationPort, effect, ...rest } = flow
  return {
    ...rest,
    source: `${flow.source}:${isFolded(sourcePort) ? '*' : sourcePort}`,
    destination: `${flow.destination}:${isFolded(destinationPort) ? '*' : destinationPort}`,
    verdict: effect,
  }
}

function there(history: FlowHistory | undefined): FlowHistory {
  if (history !== undefined) return history
  throw new Refused('ENOENT', 'this daemon does not write down what becomes of flows')
}
