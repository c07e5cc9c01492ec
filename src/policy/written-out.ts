import type { Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { documentedPolicy, type DocumentedPolicy } from './document.js'
import { laidOut, syntaxOf } from './layout.js'

/**
 * The policy with every rule on lines of its own and every id written, as any edit can be made.
 * @returns undefined when the documents do not say what the rules say.
 */
export function writtenOut(policy: DocumentedPolicy): DocumentedPolicy | undefined {
  const read = documentedPolicy(policy.documents)
  if (read?.rules.length !== policy.rules.length) return undefined
  const left = [...read.rules].reverse()
  const sorted = [...policy.documents].sort((a, b) => (a.name < b.name ? -1 : 1))
  const documents = sorted.map(({ name, text }) => {
    const document = syntaxOf(text)
    const list = document.get('rules') as YAMLSeq<YAMLMap> | undefined
    if (list === undefined || list.items.length === 0) return { name, text }
    for (const { key } of (document.contents as YAMLMap<Scalar>).items) delete key.type
    list.flow = false
    for (const map of list.items) {
      const { id } = left.pop()!
      map.flow = false
      if (!map.has('id')) map.items.unshift(document.createPair('id', id))
    }
    const plain = laidOut(document)
    return { name, text: text.includes('\r\n') ? plain.replaceAll('\n', '\r\n') : plain }
  })
  return documentedPolicy(documents)
}
