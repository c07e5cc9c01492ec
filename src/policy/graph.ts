import type { Reach } from './reach.js'
import { formatPorts } from './selector.js'

/** Who can reach whom, as a picture has it. */
export interface PolicyGraph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

/** Domains that a policy can't tell apart. */
export interface GraphNode {
  /** n1, n2 and so on. */
  readonly id: string
  readonly labels: readonly string[]
}

/** What gets from one node to another. */
export interface GraphEdge {
  /** The id of a node. */
  readonly from: string
  readonly to: string
  readonly reaches: readonly Reach[]
}

/** Names shown of a node; the others are counted. */
const LABELS_SHOWN = 5
/** Lines shown on an edge. */
const LINES_SHOWN = 8

/** Makes the picture of everything that a policy lets through. */
export function graphOf(reaches: readonly Reach[]): PolicyGraph {
  const nodes = new Map<string, GraphNode>()
  const edges = new Map<string, GraphEdge & { readonly reaches: Reach[] }>()
  const nodeOf = (labels: readonly string[]): string => {
    const key = labels.join(' ')
    let node = nodes.get(key)
    if (node === undefined) nodes.set(key, (node = { id: `n${nodes.size + 1}`, labels }))
    return node.id
  }
  for (const reach of reaches) {
    const from = nodeOf(reach.from)
    const to = nodeOf(reach.to)
    const key = `${from} ${to}`
    let edge = edges.get(key)
    if (edge === undefined) edges.set(key, (edge = { from, to, reaches: [] }))
    edge.reaches.push(reach)
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] }
}

/** Writes a graph for Graphviz. */
export function formatDot({ nodes, edges }: PolicyGraph): string {
  return [
    'digraph policy {',
    '  rankdir=LR',
    '  node [shape=box, style=rounded, fontname="sans-serif"]',
    '  edge [fontname="sans-serif", fontsize=10]',
    ...nodes.map(({ id, labels }) => `  ${id} [label=${dotText(nodeLines(labels))}]`),
    ...edges.map(edge => {
      const style = styleOf(edge)
      return `  ${edge.from} -> ${edge.to} [label=${dotText(edgeLines(edge))}${style}]`
    }),
    '}',
    '',
  ].join('\n')
}

/** Writes a graph for Mermaid. */
export function formatMermaid({ nodes, edges }: PolicyGraph): string {
  return [
    'flowchart LR',
    ...nodes.map(({ id, labels }) => `  ${id}["${mermaidText(nodeLines(labels))}"]`),
    ...edges.map(edge => {
      const arrow = styleOf(edge) === '' ? '-->' : '-.->'
      return `  ${edge.from} ${arrow}|"${mermaidText(edgeLines(edge))}"| ${edge.to}`
    }),
    '',
  ].join('\n')
}

/** A label as people read it. */
export function formatLabel(label: string): string {
  return label === '*' ? 'any other domain' : label
}

function nodeLines(labels: readonly string[]): string[] {
  const shown = labels.slice(0, LABELS_SHOWN).map(formatLabel)
  const more = labels.length - LABELS_SHOWN
  return more > 0 ? [...shown, `and ${more} more`] : shown
}

function edgeLines({ reaches }: GraphEdge): string[] {
  const lines = reaches.map(({ sourcePorts, destinationPorts, type, action, rule }) => {
    const from = formatPorts(sourcePorts)
    const ports = `${from === '*' ? '' : `${from} to `}${formatPorts(destinationPorts)}`
    const kind = type === 'any' ? '' : ` ${type}`
    return `${ports}${kind}: ${action === 'accept' ? '' : `${action} `}${rule}`
  })
  const more = lines.length - LINES_SHOWN
  return more > 0 ? [...lines.slice(0, LINES_SHOWN), `and ${more} more`] : lines
}

/** What only goes through when somebody looks at it is drawn otherwise. */
function styleOf({ reaches }: GraphEdge): string {
  return reaches.some(({ action }) => action === 'accept') ? '' : ', style=dashed'
}

// Names, ids and ports have no character that either language takes for anything.

function dotText(lines: readonly string[]): string {
  return `"${lines.join('\\n')}"`
}

function mermaidText(lines: readonly string[]): string {
  return lines.join('<br>')
}
