import {
  CONTROL_NAME,
  domainNameProblem,
  parseDomainId,
  parsePort,
  PORT_ANY,
  quote,
  tagProblem,
} from '../abi/addr.js'
import { NAME_CHARS_MAX } from '../abi/limits.js'
import { EVERYWHERE, type Scope } from './scope.js'
import type { Subject } from './subject.js'

/** Ports from `min` to `max`, both included; every port is 0..0xFFFFFFFF. */
export interface PortRange {
  readonly min: number
  readonly max: number
}

/** Ports of the domain with this name. */
export interface NameSelector {
  readonly kind: 'name'
  readonly name: string
  readonly ports: PortRange
}

/** Ports of the domains that have this tag. */
export interface TagSelector {
  readonly kind: 'tag'
  readonly tag: string
  readonly ports: PortRange
}

/** Ports of the domains in a set; where an element names ports, these have to match too. */
export interface SetSelector {
  readonly kind: 'set'
  readonly set: string
  readonly ports: PortRange
}

/** Ports of every domain but the control domain. */
export interface AnySelector {
  readonly kind: 'any'
  readonly ports: PortRange
}

/** One side of a rule: which domains and which of their ports. */
export type Selector = NameSelector | TagSelector | SetSelector | AnySelector

/** What `*` means as a port. */
export const ALL_PORTS: PortRange = { min: 0, max: PORT_ANY }

const digitsPattern = /^[0-9]+$/

/**
 * Reads `web:80`, `tag:db:5432`, `@admins:22`, `web:8000-8099`, `web:*`, `*:*` or `control:514`
 * (also written `0:514`).
 * @returns the selector, or a sentence that says what is wrong with the text.
 */
export function parseSelector(text: string): Selector | string {
  const colon = text.lastIndexOf(':')
  if (colon < 0) {
    return `${quote(text)} has no port: write it as NAME:PORT, such as web:80, or web:* for all ports`
  }
  const who = text.slice(0, colon)
  if (who === 'tag') {
    return `${quote(text)} has no port: write it as tag:NAME:PORT, such as tag:db:5432`
  }
  const ports = parsePorts(text.slice(colon + 1))
  if (typeof ports === 'string') return ports
  if (who === '*') return { kind: 'any', ports }
  if (who.startsWith('tag:')) {
    const tag = who.slice('tag:'.length)
    return tagProblem(tag) ?? { kind: 'tag', tag, ports }
  }
  if (who.startsWith('@')) {
    const set = who.slice(1)
    return setNameProblem(set) ?? { kind: 'set', set, ports }
  }
  if (who === CONTROL_NAME || who === '0') return { kind: 'name', name: CONTROL_NAME, ports }
  if (digitsPattern.test(who)) {
    const example = parseDomainId(who) === undefined ? 'a domain' : `domain ${Number(who)}`
    return `${quote(who)} is a number, and rules bind to names, not numbers: write the name of ${example}`
  }
  return domainNameProblem(who) ?? { kind: 'name', name: who, ports }
}

/** Writes what `parseSelector` reads, always in the same form. */
export function formatSelector(selector: Selector): string {
  const ports = formatPorts(selector.ports)
  switch (selector.kind) {
    case 'name':
      return `${selector.name}:${ports}`
    case 'tag':
      return `tag:${selector.tag}:${ports}`
    case 'set':
      return `@${selector.set}:${ports}`
    case 'any':
      return `*:${ports}`
  }
}

/** Says what is wrong with the name of a set, or undefined when nothing is. */
export function setNameProblem(name: string): string | undefined {
  if (tagProblem(name) === undefined) return undefined
  return `a set's name is 1 to ${NAME_CHARS_MAX} of a-z 0-9 . _ - and starts with a letter or digit, not ${quote(name)}`
}

/** True when the selector means this domain; `*`, tags and sets never mean the control domain. */
export function matchesSubject(
  selector: Selector,
  subject: Subject,
  scope: Scope = EVERYWHERE,
): boolean {
  if (selector.kind === 'name') return selector.name === subject.name
  if (subject.name === CONTROL_NAME) return false
  switch (selector.kind) {
    case 'tag':
      return hasTag(subject, selector.tag, scope)
    case 'set':
      return elementsWith(selector, subject, scope).length > 0
    case 'any':
      return true
  }
}

/** True when the selector means this port of this domain. */
export function matchesEnd(
  selector: Selector,
  subject: Subject,
  port: number,
  scope: Scope = EVERYWHERE,
): boolean {
  if (!matchesPort(selector.ports, port) || !matchesSubject(selector, subject, scope)) return false
  if (selector.kind !== 'set') return true
  return elementsWith(selector, subject, scope).some(({ ports }) => matchesPort(ports, port))
}

/** The elements of the selector's set that mean this domain now. */
function elementsWith(
  selector: SetSelector,
  subject: Subject,
  scope: Scope,
): readonly (NameSelector | TagSelector)[] {
  const elements = scope.sets.find(({ name }) => name === selector.set)?.elements ?? []
  return elements.filter(element => {
    if (isExpired(element, scope.now)) return false
    return element.kind === 'name'
      ? element.name === subject.name
      : hasTag(subject, element.tag, scope)
  })
}

/** True when a domain has a tag, by itself or because the policy gives it. */
export function hasTag(subject: Subject, tag: string, scope: Scope): boolean {
  return (
    subject.tags.includes(tag) ||
    scope.tags.some(extra => extra.tag === tag && extra.domains.includes(subject.name))
  )
}

/** True when the time of something that may expire is up. */
export function isExpired(
  { expires }: { readonly expires?: number | undefined },
  now: number,
): boolean {
  return expires !== undefined && expires <= now
}

/** True when the port lies in the range. */
export function matchesPort(ports: PortRange, port: number): boolean {
  return ports.min <= port && port <= ports.max
}

/** True when both mean the same domains and ports, written the same way. */
export function equalSelectors(a: Selector, b: Selector): boolean {
  return formatSelector(a) === formatSelector(b)
}

/** Reads `80`, `8000-8099` or `*`; else says what is wrong with the text. */
export function parsePorts(text: string): PortRange | string {
  if (text === '*') return ALL_PORTS
  const dash = text.indexOf('-')
  if (dash < 0) {
    const port = parsePort(text)
    return port === undefined ? portProblem(text) : { min: port, max: port }
  }
  const min = parsePort(text.slice(0, dash))
  if (min === undefined) return portProblem(text.slice(0, dash))
  const last = text.slice(dash + 1)
  const max = last === String(PORT_ANY) ? PORT_ANY : parsePort(last)
  if (max === undefined) return portProblem(last)
  if (min > max) return `the port range ${min}-${max} is empty: write the smaller port first`
  return { min, max }
}

function portProblem(text: string): string {
  if (text === String(PORT_ANY)) return `${PORT_ANY} stands for every port: write *`
  return `${quote(text)} is not a port: a decimal number from 0 to ${PORT_ANY - 1}, a range such as 8000-8099, or * for all`
}

/** Writes what `parsePorts` reads. */
export function formatPorts(ports: PortRange): string {
  if (ports.min === ALL_PORTS.min && ports.max === ALL_PORTS.max) return '*'
  return ports.min === ports.max ? String(ports.min) : `${ports.min}-${ports.max}`
}
