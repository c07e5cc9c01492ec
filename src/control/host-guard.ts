import { isIP } from 'node:net'
import { quote } from '../abi/addr.js'

/**
 * Says why a request must not be served, or undefined. A web page can make a browser send requests
 * here: under a name of its own that it lets point at this address (then Host is that name), or
 * across origins (then Origin is its own). Neither gets an answer.
 * @param listenHost the name or address that the daemon listens at.
 */
export function hostProblem(
  host: string | undefined,
  origin: string | undefined,
  listenHost: string,
): string | undefined {
  const url = parse(`http://${host ?? ''}`)
  if (host === undefined || url === undefined || !isOurs(url.hostname, listenHost)) {
    return `the Host header says ${quote(host ?? '')}, which is not served here: use an IP address, localhost or ${quote(listenHost)}`
  }
  if (origin === undefined || parse(origin)?.host === url.host) return undefined
  return `the Origin header says ${quote(origin)}, which is another site than ${quote(host)}: open the daemon's own address`
}

function parse(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return undefined
  const hasMore = url.username !== '' || url.password !== '' || url.pathname !== '/'
  return hasMore || url.search !== '' || url.hash !== '' ? undefined : url
}

function isOurs(hostname: string, listenHost: string): boolean {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare) !== 0) return true
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === listenHost.toLowerCase()
}
