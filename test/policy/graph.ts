import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { formatDot, formatMermaid, graphOf, type PolicyGraph } from '../../src/policy/graph.js'
import { allReach } from '../../src/policy/reach.js'
import type { Subject } from '../../src/policy/subject.js'

function graph(text: string, domains: readonly Subject[] = []): PolicyGraph {
  const document = parsePolicyDocument(text, 'f.yaml')
  if (!document.ok) throw new Error('not sound')
  return graphOf(allReach(document, domains, 0))
}

const some = graph(
  `rules:
  - { id: asks, accept: "tag:web:* -> db:5432", replies: true }
  - { id: watched, audit: "*:7 -> log:514", type: dgram }
`,
  Array.from({ length: 7 }, (_, i) => ({ name: `web${i}`, tags: ['web'] })),
)

await t.test('domains that are decided alike are one node, and each pair has one edge', async t => {
  t.same(
    some.nodes.map(({ id, labels }) => `${id} ${labels.join(' ')}`),
    ['n1 web0 web1 web2 web3 web4 web5 web6', 'n2 db', 'n3 log', 'n4 *'],
  )
  t.same(
    some.edges.map(({ from, to, reaches }) => `${from} ${to} ${reaches.length}`),
    ['n1 n2 1', 'n1 n3 1', 'n2 n1 1', 'n2 n3 1', 'n3 n3 1', 'n4 n3 1'],
  )
})

await t.test('Graphviz and Mermaid are given the same picture', async t => {
  t.equal(
    formatDot(some),
    `digraph policy {
  rankdir=LR
  node [shape=box, style=rounded, fontname="sans-serif"]
  edge [fontname="sans-serif", fontsize=10]
  n1 [label="web0\\nweb1\\nweb2\\nweb3\\nweb4\\nand 2 more"]
  n2 [label="db"]
  n3 [label="log"]
  n4 [label="any other domain"]
  n1 -> n2 [label="5432: asks"]
  n1 -> n3 [label="7 to 514 dgram: audit watched", style=dashed]
  n2 -> n1 [label="5432 to *: asks"]
  n2 -> n3 [label="7 to 514 dgram: audit watched", style=dashed]
  n3 -> n3 [label="7 to 514 dgram: audit watched", style=dashed]
  n4 -> n3 [label="7 to 514 dgram: audit watched", style=dashed]
}
`,
  )
  t.equal(
    formatMermaid(some),
    `flowchart LR
  n1["web0<br>web1<br>web2<br>web3<br>web4<br>and 2 more"]
  n2["db"]
  n3["log"]
  n4["any other domain"]
  n1 -->|"5432: asks"| n2
  n1 -.->|"7 to 514 dgram: audit watched"| n3
  n2 -->|"5432 to *: asks"| n1
  n2 -.->|"7 to 514 dgram: audit watched"| n3
  n3 -.->|"7 to 514 dgram: audit watched"| n3
  n4 -.->|"7 to 514 dgram: audit watched"| n3
`,
  )
})

await t.test('an edge shows so many lines and counts the others', async t => {
  const rules = Array.from({ length: 10 }, (_, i) => `  - { accept: "a:* -> b:${2 * i}" }\n`)
  const crowded = graph(`rules:\n${rules.join('')}`)
  t.match(formatDot(crowded), /14: accept-a-b\.14\\nand 2 more"/)
})
