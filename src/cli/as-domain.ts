import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { domainNameProblem } from '../abi/addr.js'
import { withDaemon, type DaemonOptions } from './command.js'
import { connect, type Domain } from '../sdk/index.js'
import { noDaemon, placeOf, runningDaemon, stateDirOf } from './daemon-place.js'
import { errorCode, errorText, failed, usage } from './fail.js'
import { tokenInVariable } from './token-text.js'
import { version } from './version.js'

/** Options of every command that is a domain while it runs. */
export interface DomainOptions extends DaemonOptions {
  readonly as?: string
}

/** Where to attach, and with what. */
export interface AttachPlace {
  /** `unix:/path` or `ws://host:port/v1/attach`. */
  readonly url: string
  /** Empty where the socket itself says who it is for. */
  readonly token: string
}

/** Adds `--as`, `--url`, `--state` and `--context`. */
export function withDomain(target: Command): Command {
  const example = 'ws://host:8484/v1/attach or unix:/path'
  return withDaemon(target, example).option(
    '--as <name>',
    'the domain to be: by its socket in the state folder, else by $V4V_TOKEN',
  )
}

/**
 * Finds the way in for a domain: the URL that was asked for with `$V4V_TOKEN`, or the socket of a
 * context; else the domain's own socket in the state folder; else the shared socket of the local
 * daemon with `$V4V_TOKEN`.
 * @throws Failure that says what is missing.
 */
export async function attachPlace(options: DomainOptions): Promise<AttachPlace> {
  const { as: name } = options
  const token = tokenInVariable('V4V_TOKEN')
  const problem = name === undefined ? undefined : domainNameProblem(name)
  if (problem !== undefined) throw usage(problem)

  const { url: asked, socket } = await placeOf(options)
  if (socket !== undefined) return { url: `unix:${socket}`, token: token ?? '' }
  if (asked !== undefined) {
    const url = attachUrl(asked)
    // A socket outside the state folder may be a domain's own one, which needs no token.
    if (token === undefined && asked.protocol !== 'unix:') {
      throw usage(`there is no token for ${asked.origin}`, 'set V4V_TOKEN (see "v4v token issue")')
    }
    return { url, token: token ?? '' }
  }
  if (name !== undefined) {
    const dir = await stateDirOf(options)
    const socket = join(dir, 'domains', `${name}.sock`)
    if (existsSync(socket)) return { url: `unix:${socket}`, token: '' }
    await runningDaemon(options)
    if (token === undefined) {
      throw failed(
        `there is no domain "${name}", or its socket in ${join(dir, 'domains')} can't be seen`,
        `add it with "v4v domain add ${name}", or set V4V_TOKEN`,
      )
    }
  }
  if (token === undefined) {
    throw usage('which domain to be is not said', 'use --as NAME, or set V4V_TOKEN')
  }
  return { url: `unix:${(await runningDaemon(options)).socket}`, token }
}

/**
 * Attaches as the domain that was asked for.
 * @throws Failure that says what to do about it.
 */
export async function attach(options: DomainOptions): Promise<Domain> {
  const place = await attachPlace(options)
  let domain
  try {
    domain = await connect({ ...place, agent: `v4v ${version()}` })
  } catch (error) {
    const isLocal = (await placeOf(options)).url === undefined
    if (isLocal && isAbsent(error)) throw noDaemon(await stateDirOf(options))
    throw failed(`can't attach at ${place.url}: ${errorText(error)}`, hintOf(error), error)
  }
  if (options.as === undefined || options.as === domain.name) return domain
  await domain.close()
  throw failed(
    `the token is of domain ${domain.name}, not of ${options.as}`,
    'use the other name, or another token',
  )
}

/** `http://host:8484` is the same daemon as `ws://host:8484/v1/attach`. */
export function attachUrl(url: URL): string {
  if (url.protocol === 'unix:') return `unix:${decodeURIComponent(url.pathname)}`
  const attach = new URL(url)
  attach.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:'
  if (attach.pathname === '/') attach.pathname = '/v1/attach'
  return attach.href
}

/** True when nothing answers at the socket. */
function isAbsent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = errorCode(at)
    if ((code === 'ECONNREFUSED' || code === 'ENOENT') && 'syscall' in at) return true
  }
  return false
}

function hintOf(error: unknown): string | undefined {
  if (errorText(error).endsWith(' is not enabled')) {
    return 'an admin lets it in again with "v4v domain release"'
  }
  const isToken = ['EACCES', 'EKEYEXPIRED', 'EKEYREVOKED'].includes(errorCode(error) ?? '')
  return isToken ? 'get a new token with "v4v token issue NAME" and set V4V_TOKEN to it' : undefined
}
