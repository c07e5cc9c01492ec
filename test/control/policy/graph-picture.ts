import t from 'tap'
import { drawn, SVG_EDGES_MAX, TEXT_EDGES_MAX } from '../../../src/control/policy/graph-picture.js'
import { allReach } from '../../../src/policy/reach.js'
import { parsePolicyDocument } from '../../../src/policy/document.js'
import { REACHES_MAX, type Reach } from '../../../src/policy/reach.js'

/** What a policy lets through that admits each of so many domains to the next. */
function chain(length: number): readonly Reach[] {
  const read = parsePolicyDocument('rules:\n  - accept: d0:* -> d1:80\n', 'a.yaml')
  if (!read.ok) throw new Error('the policy is wrong')
  const domains = ['d0', 'd1'].map(name => ({ name, tags: [] }))
  const [only] = allReach(read, domains, 0)
  return Array.from({ length }, (_, i) => ({ ...only!, from: [`d${i}`], to: [`d${i + 1}`] }))
}

await t.test('the same is drawn for Graphviz, for Mermaid and to be looked at', async t => {
  t.match(await drawn(chain(2), 'dot'), /^digraph policy \{[^]*n1 -> n2 \[label="80: /)
  t.match(await drawn(chain(2), 'mermaid'), /^flowchart LR\n {2}n1\["d0"\]/)
  t.match(await drawn(chain(2), 'svg'), /<svg [^]*>d0<\/text>[^]*<\/svg>\n$/)
})

await t.test('what nobody could look at is refused, with what to do instead', async t => {
  const large = { ok: false, code: 'E2BIG' }
  t.match(await drawn(chain(SVG_EDGES_MAX + 1), 'svg'), {
    ...large,
    message: /1001 edges.*take dot/,
  })
  t.match(await drawn(chain(SVG_EDGES_MAX + 1), 'dot'), /^digraph/)
  t.match(await drawn(chain(TEXT_EDGES_MAX + 1), 'dot'), { ...large, message: /: ask who-can/ })
  const more = /more than 100000 edges: ask who-can/
  t.match(await drawn(chain(REACHES_MAX + 1), 'dot'), { ...large, message: more })
})
