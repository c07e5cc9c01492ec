import { formatDot, formatMermaid, graphOf } from '../../policy/graph.js'
import { REACHES_MAX, type Reach } from '../../policy/reach.js'
import { refuse, type Refusal } from '../../store/refusal.js'

/** Pictures of who can reach whom, and what they are as answers. */
export const PICTURES = {
  dot: 'text/vnd.graphviz',
  mermaid: 'text/vnd.mermaid',
  svg: 'image/svg+xml',
} as const
export type Picture = keyof typeof PICTURES

/** Edges of a graph that is drawn as SVG: a thousand take about a second. */
export const SVG_EDGES_MAX = 1_000
/** Edges of a graph that is written for others to draw. */
export const TEXT_EDGES_MAX = 20_000

/**
 * Draws who can reach whom. It takes long enough to be done in a thread.
 * @returns E2BIG for more than anybody could look at.
 */
export async function drawn(
  reaches: readonly Reach[],
  picture: Picture,
): Promise<string | Refusal<'E2BIG'>> {
  const instead = 'ask who-can and what-can about single domains'
  if (reaches.length > REACHES_MAX) {
    return refuse('E2BIG', `the graph has more than ${REACHES_MAX} edges: ${instead}`)
  }
  const graph = graphOf(reaches)
  const { length: edges } = graph.edges
  const max = picture === 'svg' ? SVG_EDGES_MAX : TEXT_EDGES_MAX
  if (edges > max) {
    const dot = picture === 'svg' && edges <= TEXT_EDGES_MAX ? 'take dot and draw that, or ' : ''
    const message = `the graph has ${edges} edges, and at most ${max} are drawn as ${picture}: ${dot}${instead}`
    return refuse('E2BIG', message)
  }
  switch (picture) {
    case 'dot':
      return formatDot(graph)
    case 'mermaid':
      return formatMermaid(graph)
    case 'svg': {
      const { instance } = await import('@viz-js/viz') // large, and rarely wanted
      return (await instance()).renderString(formatDot(graph), { format: 'svg' })
    }
  }
}
