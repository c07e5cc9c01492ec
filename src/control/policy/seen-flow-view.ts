import { isFolded, type SeenFlow } from '../../policy/seen-flow.js'
import type { SeenFlowView } from '../schemas/history.js'

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
