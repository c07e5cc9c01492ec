import { quote } from '../abi/addr.js'
import { Connection } from './connection.js'
import { withDeadline, type CallOptions } from './deadline.js'
import { Domain } from './domain.js'
import { AbortError, V4vError } from './errors.js'
import type { Transport, TransportFactory } from './transport.js'
import { UnixTransport } from './unix-transport.js'
import { openWsTransport } from './ws-transport.js'

/** How long `connect` takes at most, unless told. */
const CONNECT_TIMEOUT_MS = 10_000

/** Where the daemon is and who the client is. */
export interface ConnectOptions extends CallOptions {
  /** `unix:/path/to/socket`, `ws://host:port/v1/attach` or `wss://…`; $V4V_URL unless told. */
  readonly url?: string | undefined
  /** The domain's token; $V4V_TOKEN unless told. Not needed on a domain's own socket. */
  readonly token?: string | undefined
  /** Name and version of the program, for people who look at sessions. */
  readonly agent?: string | undefined
  /** Makes another way to the daemon than the url's, such as an end of an in-process pair. */
  readonly memory?: TransportFactory | undefined
}

/**
 * Begins a session with the daemon. A session that is lost stays lost: see Domain.
 * @throws V4vError ECONNREFUSED (no daemon there), EACCES, EKEYEXPIRED, EKEYREVOKED (the token),
 * ETIMEDOUT after 10 s unless `timeoutMs` says otherwise, EINVAL (the url); AbortError.
 */
export function connect(options: ConnectOptions = {}): Promise<Domain> {
  const { signal, timeoutMs = CONNECT_TIMEOUT_MS } = options
  return withDeadline<Domain>({ signal, timeoutMs }, (resolve, reject) => {
    const controller = new AbortController()
    open(options, controller.signal).then(resolve, reject)
    return () => controller.abort()
  })
}

async function open(options: ConnectOptions, signal: AbortSignal): Promise<Domain> {
  const token = options.token ?? process.env['V4V_TOKEN'] ?? ''
  const transport = await openTransport(options, signal)
  if (signal.aborted) {
    transport.destroy()
    throw new AbortError(signal.reason)
  }
  const connection = new Connection(transport)
  const onAbort = (): void => transport.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await connection.open(token, options.agent ?? `node ${process.version}`, { signal })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return new Domain(connection)
}

async function openTransport(options: ConnectOptions, signal: AbortSignal): Promise<Transport> {
  if (options.memory !== undefined) return options.memory(signal)
  const url = options.url ?? process.env['V4V_URL']
  if (url === undefined || url === '') {
    throw new V4vError('EINVAL', 'no url is given: pass one to connect, or set V4V_URL')
  }
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '') throw new V4vError('EINVAL', `${quote(url)} has no path`)
    return new UnixTransport(path)
  }
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new V4vError('EINVAL', `${quote(url)} is not unix:/path, ws://… or wss://…`)
  }
  try {
    return await openWsTransport(url, signal)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new V4vError('ECONNREFUSED', `no daemon answers at ${url}: ${message}`, { cause: error })
  }
}
