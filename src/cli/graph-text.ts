import { formatDot, formatMermaid, graphOf } from '../policy/graph.js'
import type { Reach } from '../policy/reach.js'
import { printableJson } from './printable.js'

/** Forms in which who can reach whom is drawn. */
export const GRAPH_FORMATS = ['dot', 'mermaid', 'svg', 'json'] as const
export type GraphFormat = (typeof GRAPH_FORMATS)[number]

/** Draws who can reach whom. */
export async function graphText(reaches: readonly Reach[], format: GraphFormat): Promise<string> {
  const graph = graphOf(reaches)
  switch (format) {
    case 'dot':
      return formatDot(graph)
    case 'mermaid':
      return formatMermaid(graph)
    case 'json':
      return `${printableJson(graph, 2)}\n`
    case 'svg': {
      const { instance } = await import('@viz-js/viz') // large, and rarely wanted
      return (await instance()).renderString(formatDot(graph), { format: 'svg' })
    }
  }
}
