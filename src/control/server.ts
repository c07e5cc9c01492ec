import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Limits } from '../abi/limits.js'
import { HEADER_BYTES_MAX, HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS, type ControlApp } from './app.js'
import { hostProblem } from './host-guard.js'
import { noteUser } from './origin.js'
import { answerClientError } from './plugins/errors.js'

export interface ListenOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly limits: Pick<Limits, 'sessionsMax' | 'connectionsUnauthenticatedMax'>
}

const HEADERS_COUNT_MAX = 64
/** Connections of admins, on top of those of clients. */
const ADMIN_CONNECTIONS_MAX = 256
/** How long requests under way may take once the server is asked to close. */
const CLOSE_TIMEOUT_MS = 5_000

/** The REST API on a port. WebSocket clients come in by the same one: see `http`. */
export class ControlServer {
  readonly http: Server
  /** Such as `http://127.0.0.1:8484`. */
  readonly url: string
  readonly #app: ControlApp

  constructor(app: ControlApp, url: string) {
    this.#app = app
    this.http = app.server
    this.url = url
  }

  /**
   * Listens.
   * @throws the system's error, such as EADDRINUSE, with the app closed again.
   */
  static async listen(app: ControlApp, options: ListenOptions): Promise<ControlServer> {
    const { host, port, limits } = options
    app.server.maxHeadersCount = HEADERS_COUNT_MAX
    app.server.maxConnections =
      limits.sessionsMax + limits.connectionsUnauthenticatedMax + ADMIN_CONNECTIONS_MAX
    try {
      await app.listen({ host, port, listenTextResolver: () => '' })
    } catch (error) {
      await app.close()
      throw error
    }
    const address = app.server.address()
    const actual = typeof address === 'object' && address !== null ? address.port : port
    const shown = host.includes(':') ? `[${host}]` : host
    return new ControlServer(app, `http://${shown}:${actual}`)
  }

  /** Takes no more requests, lets those under way finish for a while, then ends them. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.http.closeAllConnections(), CLOSE_TIMEOUT_MS)
    try {
      await this.#app.close()
    } finally {
      clearTimeout(timer)
    }
  }
}

/**
 * A server of the same API for admins on this machine, to listen on a Unix socket.
 * @param userOf whose a connection is, where that can be known.
 */
export function localServer(
  app: ControlApp,
  userOf: (socket: Socket) => number | undefined = () => undefined,
): Server {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  }
  const server = createServer(options, (request, response) => app.routing(request, response))
  server.maxHeadersCount = HEADERS_COUNT_MAX
  server.maxConnections = ADMIN_CONNECTIONS_MAX
  server.on('clientError', answerClientError)
  server.on('connection', (socket: Socket) => {
    const uid = userOf(socket)
    if (uid !== undefined) noteUser(socket, uid)
  })
  return server
}

/** True when the Host and Origin of a request are ones that are served: see `hostProblem`. */
export function isServedRequest(request: IncomingMessage, listenHost: string): boolean {
  const { host, origin } = request.headers
  return hostProblem(host, origin, listenHost) === undefined
}
