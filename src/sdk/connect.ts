import { quote } from '../abi/addr.js'
import { loadNative, type Native } from '../native/native.js'
import { pollingOf, type Polling } from '../native/poller.js'
import { Connection } from './connection.js'
import { withDeadline, type CallOptions } from './deadline.js'
import { Domain } from './domain.js'
import { AbortError, V4vError } from './errors.js'
import { shareMemory } from './share.js'
import { SharedTransport } from './shared-transport.js'
import type { Transport, TransportFactory } from './transport.js'
import { UnixTransport } from './unix-transport.js'
import { WorkerTransport, type WorkerEnd } from './worker-transport.js'
import { openWsTransport } from './ws-transport.js'

/** How long `connect` takes at most, unless told. */
const CONNECT_TIMEOUT_MS = 10_000

const POLLING_US_MAX = 1_000_000

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
  /** In a worker: the end that the daemon's `attachWorker` made for it, in place of a url. */
  readonly transport?: WorkerEnd | undefined
  /**
   * Whether datagrams go through memory shared with the daemon, on Linux and over its Unix socket:
   * `auto`, unless told, where both sides can and may; `off` never; `require` or not at all.
   */
  readonly sharedMemory?: 'auto' | 'off' | 'require' | undefined
  /**
   * How long, in microseconds up to 1,000,000, the Unix socket or the memory shared with the daemon
   * is looked at again and again after something happened, before the process sleeps: it saves the
   * time that waking one takes. `auto`, unless told, is 50; `off` is 0. An idle session takes no time in any case.
   */
  readonly polling?: 'auto' | 'off' | number | undefined
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
  const { sharedMemory = 'auto', agent = `node ${process.version}` } = options
  const token = options.token ?? process.env['V4V_TOKEN'] ?? ''
  const setting = checkedPolling(options.polling)
  const native = sharedMemory === 'off' && setting === 'off' ? undefined : await loadNative()
  const polling = pollingOf(setting, native)
  const transport = await openTransport(options, native, polling, signal)
  if (signal.aborted) {
    transport.destroy()
    throw new AbortError(signal.reason)
  }
  const connection = new Connection(transport)
  const onAbort = (): void => transport.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await connection.open(token, agent, { signal })
    if (native !== undefined && transport instanceof SharedTransport) {
      const problem = await shareMemory(connection, transport, native, polling, { signal })
      if (sharedMemory === 'require' && problem !== undefined) {
        await connection.close(0)
        throw notShared(problem)
      }
    }
    if (transport.kind === 'unix') transport.poll?.(polling)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  if (!connection.isOver) return new Domain(connection)
  // A daemon that is older than shared memory ends the session for being asked.
  if (transport instanceof SharedTransport) return open({ ...options, sharedMemory: 'off' }, signal)
  const ended = await connection.closed
  throw ended?.cause ?? ended ?? new V4vError('ECONNRESET', 'the session ended at once')
}

function notShared(problem: string): V4vError {
  return new V4vError('EOPNOTSUPP', `no memory is shared with the daemon: ${problem}`)
}

/** @throws V4vError EINVAL when the option is none. */
function checkedPolling(polling: ConnectOptions['polling'] = 'auto'): 'auto' | 'off' | number {
  if (typeof polling === 'string' || (polling >= 0 && polling <= POLLING_US_MAX)) return polling
  const range = `'auto', 'off' or 0 to ${POLLING_US_MAX}`
  throw new V4vError('EINVAL', `polling is ${range}, not ${polling}`)
}

async function openTransport(
  options: ConnectOptions,
  native: Native | undefined,
  polling: Polling,
  signal: AbortSignal,
): Promise<Transport> {
  if (options.transport !== undefined) return new WorkerTransport(options.transport, polling)
  const isRequired = options.sharedMemory === 'require'
  if (isRequired && native === undefined) throw notShared('it takes Linux and the package koffi')
  if (isRequired && options.memory !== undefined) throw notShared('it takes a unix: url')
  if (options.memory !== undefined) return options.memory(signal)
  const url = options.url ?? process.env['V4V_URL']
  if (url === undefined || url === '') {
    throw new V4vError('EINVAL', 'no url is given: pass one to connect, or set V4V_URL')
  }
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '') throw new V4vError('EINVAL', `${quote(url)} has no path`)
    const mayShare = native !== undefined && options.sharedMemory !== 'off'
    return mayShare ? new SharedTransport(path, native) : new UnixTransport(path, native)
  }
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new V4vError('EINVAL', `${quote(url)} is not unix:/path, ws://… or wss://…`)
  }
  if (isRequired) throw notShared('it takes a unix: url')
  try {
    return await openWsTransport(url, signal)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new V4vError('ECONNREFUSED', `no daemon answers at ${url}: ${message}`, { cause: error })
  }
}
