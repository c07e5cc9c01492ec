import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { frameBytes } from '../abi/frame.js'
import {
  FRAME_BYTES_MAX,
  HELLO_BYTES_MAX,
  WEBSOCKET_CHUNKS_MAX,
  WEBSOCKET_FRAGMENTS_MAX,
} from '../abi/limits.js'
import type { Domain } from '../hypervisor/domain.js'
import type { Remote, SessionEnd } from '../hypervisor/session-end.js'
import { binaryHeader } from '../websocket/frame-header.js'
import { Splitter } from '../websocket/splitter.js'
import type { Connection } from './connection.js'
import { TURNED_AWAY, type Hub } from './hub.js'
import type { Link } from './link.js'
import { moveToShared, type OnBytes } from './shared-read.js'

/** Where WebSocket clients attach. */
export const ATTACH_PATH = '/v1/attach'

/** What a client that has not said who it is may have sent of a message that is not whole. */
const STRANGER_BYTES_MAX = HELLO_BYTES_MAX + 64
/** A close reason has at most 123 bytes (RFC 6455 section 5.5). */
const REASON_BYTES_MAX = 123
const HOST_REFUSED = 'this Host or Origin is not served here'

/**
 * Takes the WebSocket upgrades of an HTTP server.
 * @param isAllowed says whether a request's Host and Origin are ones that are served.
 */
export function serveWebSockets(
  server: Server,
  hub: Hub,
  isAllowed: (request: IncomingMessage) => boolean,
): void {
  const options = {
    noServer: true,
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    maxFragments: WEBSOCKET_FRAGMENTS_MAX,
    maxBufferedChunks: WEBSOCKET_CHUNKS_MAX,
    clientTracking: false,
  }
  const sockets = new WebSocketServer(options)
  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket // of a server without TLS
    socket.on('error', () => socket.destroy())
    const path = (request.url ?? '').split('?')[0]
    if (path !== ATTACH_PATH)
      return refuse(socket, '404 Not Found', 'ENOENT', `attach at ${ATTACH_PATH}`)
    if (!isAllowed(request)) {
      hub.refused('websocket', remoteOf(socket), { reason: 'host-refused', detail: HOST_REFUSED })
      return refuse(socket, '403 Forbidden', 'EPERM', HOST_REFUSED)
    }
    let onBytes: OnBytes | undefined
    const moved = moveToShared(socket, (bytes, start, end) => onBytes?.(bytes, start, end))
    if (moved === undefined) {
      sockets.handleUpgrade(request, socket, head, websocket => attach(websocket, socket, hub))
      return
    }
    moved.on('error', () => moved.destroy())
    sockets.handleUpgrade(request, moved, Buffer.alloc(0), websocket => {
      onBytes = splitFor(websocket, moved, attach(websocket, moved, hub))
      if (head.length > 0) onBytes(frameBytes(head), 0, head.length)
    })
    moved.resume()
  })
}

/**
 * Reads whole binary messages past the library, which would put each together before it hands it
 * on; the library gets all other frames as if it had read them.
 */
function splitFor(websocket: WebSocket, socket: Socket, client: Client | undefined): OnBytes {
  const splitter = new Splitter(true, FRAME_BYTES_MAX, {
    payload(bytes, start, end, isEnd) {
      if (client === undefined || websocket.readyState !== websocket.OPEN) return
      client.partial.forget()
      client.connection.receive(bytes, start, end, isEnd)
    },
    other: bytes => socket.emit('data', bytes),
  })
  return (bytes, start, end) => splitter.take(bytes, start, end)
}

function refuse(socket: Duplex, status: string, code: string, message: string): void {
  const body = JSON.stringify({ code, message })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** Whom a socket's messages go to. */
interface Client {
  readonly connection: Connection
  readonly partial: PartialMessage
}

/** @returns nothing where the client was turned away. */
function attach(websocket: WebSocket, socket: Socket, hub: Hub): Client | undefined {
  const connection = hub.connect(new WebSocketLink(websocket, socket))
  if (connection === undefined) {
    websocket.close(1013, TURNED_AWAY)
    return undefined
  }
  const partial = new PartialMessage(connection, hub)
  socket.on('data', (chunk: Buffer) => {
    const problem = partial.add(chunk.length)
    if (problem === undefined) return
    connection.fail(problem)
    socket.pause() // what else comes of it is not kept
  })
  websocket.on('message', (data: RawData, isBinary: boolean) => {
    partial.end()
    if (!isBinary) {
      const detail = 'a text message came, and frames are binary'
      connection.fail({ reason: 'message-of-text', detail })
      return
    }
    const bytes = data as Buffer // binaryType is nodebuffer
    connection.receive(frameBytes(bytes), 0, bytes.length, true)
  })
  websocket.on('error', error => connection.fail(endOf(error)))
  websocket.on('close', () => {
    partial.end()
    connection.gone()
  })
  return { connection, partial }
}

/**
 * Counts the bytes of a message that is not whole, which the library keeps, against whom they are
 * from. To be told of each chunk after the library had it: what is behind the end of a message in
 * the same chunk is not counted.
 */
class PartialMessage {
  readonly #connection: Connection
  readonly #hub: Hub
  #bytes = 0
  #charged: { readonly domain: Domain; bytes: number } | undefined
  #hasEnded = false

  constructor(connection: Connection, hub: Hub) {
    this.#connection = connection
    this.#hub = hub
  }

  /** @returns nothing, or why no more may come. */
  add(bytes: number): SessionEnd | undefined {
    if (this.#hasEnded) {
      this.#hasEnded = false
      return undefined
    }
    this.#bytes += bytes
    const domain = this.#connection.session?.domain
    if (domain === undefined) {
      if (this.#bytes <= STRANGER_BYTES_MAX) return undefined
      const detail = 'the first message is longer than a HELLO'
      return { reason: 'hello-too-long', detail, limit: HELLO_BYTES_MAX, used: this.#bytes }
    }
    const problem = this.#hub.chargePartial(domain, bytes)
    if (problem !== undefined) return problem
    this.#charged ??= { domain, bytes: 0 }
    this.#charged.bytes += bytes
    return undefined
  }

  /** The message is whole, or gone. */
  end(): void {
    this.#hasEnded = true
    this.forget()
  }

  /** Nothing that counts is kept: what there was were pings. */
  forget(): void {
    this.#bytes = 0
    if (this.#charged !== undefined) {
      this.#hub.chargePartial(this.#charged.domain, -this.#charged.bytes)
      this.#charged = undefined
    }
  }
}

/** A link over WebSocket: each write is one binary message of whole frames. */
class WebSocketLink implements Link {
  readonly kind = 'websocket'
  readonly remote: Remote
  readonly #websocket: WebSocket
  readonly #socket: Socket

  constructor(websocket: WebSocket, socket: Socket) {
    this.#websocket = websocket
    this.#socket = socket
    this.remote = remoteOf(socket)
  }

  /** Past the library, which takes a message in one piece only; both write whole frames. */
  write(chunks: readonly Uint8Array[], done: () => void): void {
    const socket = this.#socket
    if (this.#websocket.readyState !== this.#websocket.OPEN) return
    let length = 0
    for (const chunk of chunks) length += chunk.length
    const last = chunks.length - 1
    socket.cork()
    socket.write(binaryHeader(length))
    for (const [index, chunk] of chunks.entries()) {
      if (index < last) socket.write(chunk)
      else socket.write(chunk, error => (error == null ? done() : undefined))
    }
    socket.uncork()
  }

  pause(): void {
    this.#websocket.pause()
  }

  resume(): void {
    this.#websocket.resume()
  }

  end(closeCode: number, reason: string): void {
    this.#websocket.close(closeCode, closeReason(reason))
  }

  destroy(): void {
    this.#websocket.terminate()
  }
}

/** To be asked while it is connected. */
function remoteOf({ remoteAddress, remotePort }: Socket): Remote {
  if (remoteAddress === undefined) return {}
  return {
    address: remoteAddress.includes(':')
      ? `[${remoteAddress}]:${remotePort}`
      : `${remoteAddress}:${remotePort}`,
  }
}

/** What an error of the library ends a session for. */
function endOf({ message: detail, code }: Error & { readonly code?: string }): SessionEnd {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return { reason: 'frame-too-long', detail, limit: FRAME_BYTES_MAX }
  }
  if (code !== 'WS_ERR_TOO_MANY_BUFFERED_PARTS') return { reason: 'websocket-malformed', detail }
  return detail.includes('fragments')
    ? { reason: 'message-in-fragments', detail, limit: WEBSOCKET_FRAGMENTS_MAX }
    : { reason: 'message-in-chunks', detail, limit: WEBSOCKET_CHUNKS_MAX }
}

/** As much of a reason as fits, ending with a whole character. */
function closeReason(reason: string): Buffer {
  const room = Buffer.alloc(REASON_BYTES_MAX)
  const { written } = new TextEncoder().encodeInto(reason, room)
  return room.subarray(0, written)
}
