import { quote } from '../abi/addr.js'
import type { TestEnd } from './policy.js'
import { parseSelector } from './selector.js'

/**
 * Reads one end of a test's datagram: `web:40000`, `control:7`, or `tag:web:40000` for some domain
 * with that tag.
 * @returns the end, or a sentence that says what is wrong with the text.
 */
export function parseTestEnd(text: string): TestEnd | string {
  const selector = parseSelector(text)
  if (typeof selector === 'string') return selector
  const { ports } = selector
  if (selector.kind === 'any' || selector.kind === 'set') {
    return `a test names a domain or a tag, such as web:40000 or tag:web:40000, not ${quote(text)}`
  }
  if (ports.min !== ports.max) return `a test names one port, such as web:40000, not ${quote(text)}`
  const port = ports.min
  return selector.kind === 'name'
    ? { kind: 'name', name: selector.name, port }
    : { kind: 'tag', tag: selector.tag, port }
}

/** Writes what `parseTestEnd` reads. */
export function formatTestEnd(end: TestEnd): string {
  return end.kind === 'name' ? `${end.name}:${end.port}` : `tag:${end.tag}:${end.port}`
}
