import { NAME_CHARS_MAX } from './limits.js'

declare const brand: unique symbol

/** A domain's number, 1..0x7FEF for domains and 0 for the hypervisor's own control domain. */
export type DomainId = number & { readonly [brand]: 'DomainId' }

/** A port, 0..0xFFFFFFFE. */
export type Port = number & { readonly [brand]: 'Port' }

/** Where a datagram comes from or goes to (Argo: struct xen_argo_addr). */
export interface Addr {
  readonly domain: DomainId
  readonly port: Port
}

/** What names a ring: its owner's address and the one domain that may send to it, or DOMID_ANY. */
export interface RingId {
  readonly domain: DomainId
  readonly port: Port
  readonly partner: DomainId
}

/** An address as a person writes it, before the daemon says which domain the name belongs to. */
export interface Endpoint {
  /** A domain's name, or its number in decimal. */
  readonly domain: string
  readonly port: Port
}

/** The hypervisor's own control domain. */
export const DOMID_CONTROL = 0 as DomainId
/** The highest number a domain can have. */
export const DOMID_MAX = 0x7fef
/** The partner of a wildcard ring (Argo: XEN_ARGO_DOMID_ANY). */
export const DOMID_ANY = 0x7ff4 as DomainId
/** The name of the control domain; `*` and tags never match it. */
export const CONTROL_NAME = 'control'
/** Binding this picks an ephemeral port. */
export const PORT_NONE = 0 as Port
/** Stands for every port in a rule and can't be bound. */
export const PORT_ANY = 0xffffffff
/** Ports that binding 0 picks from, both ends included. */
export const PORT_EPHEMERAL_MIN = 0x80000000
export const PORT_EPHEMERAL_MAX = 0xefffffff

/** Message types are Argo's Linux driver's numbers; a rule sees which one a datagram has. */
export const MESSAGE_TYPES = { dgram: 0x6447724d, stream: 0x3574526d } as const
export type MessageType = keyof typeof MESSAGE_TYPES

const namePattern = new RegExp(`^[a-z0-9][a-z0-9._-]{0,${NAME_CHARS_MAX - 1}}$`)
const digitsPattern = /^[0-9]+$/

/** The message type with this number on the wire, if there is one. */
export function messageTypeOf(value: number): MessageType | undefined {
  if (value === MESSAGE_TYPES.dgram) return 'dgram'
  if (value === MESSAGE_TYPES.stream) return 'stream'
  return undefined
}

/** True for the number of a domain or of the control domain. */
export function isDomainId(value: number): value is DomainId {
  return Number.isInteger(value) && value >= 0 && value <= DOMID_MAX
}

/** True for a port a ring can have: everything but PORT_ANY. */
export function isPort(value: number): value is Port {
  return Number.isInteger(value) && value >= 0 && value < PORT_ANY
}

/**
 * Says what is wrong with a domain's name, or undefined when nothing is. Names that are all
 * digits are refused because `7:80` means the domain numbered 7; `tag` because `tag:db:80`
 * means a tag; `control` because it is the hypervisor's own.
 */
export function domainNameProblem(name: string): string | undefined {
  const problem = labelProblem(name, 'a domain name')
  if (problem !== undefined) return problem
  if (digitsPattern.test(name)) return `"${name}" is all digits, which is how a domain number looks`
  if (name === 'tag') return '"tag" is reserved: tag:NAME means a tag'
  if (name === CONTROL_NAME) return `"${CONTROL_NAME}" is the hypervisor's own domain`
  return undefined
}

/** Says what is wrong with a tag, or undefined when nothing is. */
export function tagProblem(tag: string): string | undefined {
  return labelProblem(tag, 'a tag')
}

function labelProblem(text: string, what: string): string | undefined {
  if (namePattern.test(text)) return undefined
  return `${what} is 1 to ${NAME_CHARS_MAX} of a-z 0-9 . _ - and starts with a letter or digit, not ${quote(text)}`
}

/**
 * Reads a port.
 * @returns the port, or undefined when the text is not a decimal number of 0..0xFFFFFFFE.
 */
export function parsePort(text: string): Port | undefined {
  if (!digitsPattern.test(text) || text.length > 10) return undefined
  const value = Number(text)
  return isPort(value) ? value : undefined
}

/**
 * Reads `web:80` or `7:80`.
 * @returns the endpoint, or a sentence that says what is wrong with the text.
 */
export function parseEndpoint(text: string): Endpoint | string {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return `${quote(text)} has no port: write it as NAME:PORT, such as web:80`
  const domain = text.slice(0, colon)
  const port = parsePort(text.slice(colon + 1))
  if (port === undefined) {
    return `${quote(text.slice(colon + 1))} is not a port: a decimal number from 0 to ${PORT_ANY - 1}`
  }
  if (domain === CONTROL_NAME || parseDomainId(domain) !== undefined) return { domain, port }
  const problem = domainNameProblem(domain)
  return problem ?? { domain, port }
}

/** Reads a domain's number in decimal, if the text is one. */
export function parseDomainId(text: string): DomainId | undefined {
  if (!digitsPattern.test(text) || text.length > 5) return undefined
  const value = Number(text)
  return isDomainId(value) ? value : undefined
}

/** Writes what `parseEndpoint` reads. */
export function formatEndpoint(endpoint: Endpoint): string {
  return `${endpoint.domain}:${endpoint.port}`
}

/** Left by JSON's quoting: C1 controls, line separators, and marks that turn text around. */
const unquoted = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Foreign text inside a message: one line, with no control character and no terminal escape. */
export function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text
  return JSON.stringify(shown).replace(
    unquoted,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
