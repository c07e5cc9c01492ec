import { CONTROL_NAME, quote } from '../abi/addr.js'
import type { SetElement } from './policy.js'
import { ALL_PORTS, formatPorts, parseSelector } from './selector.js'
import { formatTime, parseTime } from './time-text.js'

const expiresPattern = /^(\S+)[ \t]+expires[ \t]+(\S+)$/

/**
 * Reads an element of a set: `web`, `web:80-89`, `tag:db`, `tag:db:5432`, with ` expires TIME`
 * behind it where it is not for good.
 * @returns the element, or a sentence that says what is wrong with the text.
 */
export function parseSetElement(text: string): SetElement | string {
  const parts = expiresPattern.exec(text)
  const who = parts === null ? text : parts[1]!
  const selector = parseSelector(hasPorts(who) ? who : `${who}:*`)
  if (typeof selector === 'string') return selector
  if (selector.kind === 'any' || selector.kind === 'set') {
    return `an element of a set is a domain or a tag, such as web, web:80 or tag:db, not ${quote(who)}`
  }
  if (selector.kind === 'name' && selector.name === CONTROL_NAME) {
    return 'a set never holds the control domain: only a rule that names it reaches it'
  }
  if (parts === null) return selector
  const expires = parseTime(parts[2]!)
  return typeof expires === 'string' ? expires : { ...selector, expires }
}

/** Writes what `parseSetElement` reads, always in the same form. */
export function formatSetElement(element: SetElement): string {
  const { ports, expires } = element
  const who = element.kind === 'name' ? element.name : `tag:${element.tag}`
  const isAll = ports.min === ALL_PORTS.min && ports.max === ALL_PORTS.max
  const until = expires === undefined ? '' : ` expires ${formatTime(expires)}`
  return `${who}${isAll ? '' : `:${formatPorts(ports)}`}${until}`
}

/** The colon of `tag:` is not one in front of ports. */
function hasPorts(who: string): boolean {
  return who.replace(/^tag:/, '').includes(':')
}
