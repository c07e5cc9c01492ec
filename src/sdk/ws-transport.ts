import type { WebSocket } from 'ws'
import { frameBytes } from '../abi/frame.js'
import { FRAME_BYTES_MAX } from '../abi/limits.js'
import { DirectSocket } from './direct-socket.js'
import type { Transport, TransportReceiver } from './transport.js'

/** Bytes the socket may still hold before the sender is told to wait. */
const BUFFERED_BYTES_MAX = 1024 * 1024
/** A message of the daemon's may hold several frames. */
const MESSAGE_BYTES_MAX = 4 * FRAME_BYTES_MAX

/**
 * Opens a WebSocket to `ws://…/v1/attach`. The library is loaded only here, so that who uses a
 * Unix socket does without it.
 * @throws what the library says when the daemon can't be reached, or the signal's reason.
 */
export async function openWsTransport(url: string, signal?: AbortSignal): Promise<Transport> {
  const { WebSocket } = await import('ws')
  signal?.throwIfAborted()
  const direct = url.startsWith('ws:') ? new DirectSocket() : undefined
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    ...(direct === undefined ? {} : { createConnection: direct.connect }),
  })
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => socket.terminate() // an 'error' follows
    const settle = (error?: Error): void => {
      signal?.removeEventListener('abort', onAbort)
      socket.off('open', settle)
      socket.off('error', settle)
      if (error === undefined) resolve()
      else reject(error)
    }
    socket.on('open', settle)
    socket.on('error', settle)
    // Closing a socket that is still connecting reports that as an error, too.
    socket.on('error', () => undefined)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
  return new WsTransport(socket, direct)
}

/** Frames over an open WebSocket: each binary message holds one or more whole frames. */
class WsTransport implements Transport {
  readonly kind = 'websocket'
  readonly #socket: WebSocket
  readonly #direct: DirectSocket | undefined
  #receiver: TransportReceiver | undefined
  #error: Error | undefined
  #isWaiting = false
  readonly #onSent = (): void => {
    if (!this.#isWaiting || this.#socket.bufferedAmount > 0) return
    this.#isWaiting = false
    // Not from inside `send`: the library may call back at once.
    process.nextTick(() => this.#receiver?.onDrain())
  }

  constructor(socket: WebSocket, direct: DirectSocket | undefined) {
    this.#socket = socket
    this.#direct = direct
    socket.pause()
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver
    const socket = this.#socket
    this.#direct?.start(receiver)
    socket.on('message', data => {
      // The default binaryType gives one Buffer for each message.
      const source = frameBytes(data as Buffer)
      receiver.onBytes(source, 0, source.bytes.length)
    })
    socket.on('error', error => (this.#error = error))
    socket.on('close', () => receiver.onClose(this.#error))
    if (socket.readyState === socket.CLOSED) setImmediate(() => receiver.onClose(this.#error))
    else socket.resume()
  }

  send(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN) return true // onClose follows or has been called
    if (this.#direct !== undefined) return this.#direct.send(chunks)
    for (const chunk of chunks) socket.send(chunk, this.#onSent)
    this.#isWaiting ||= socket.bufferedAmount > BUFFERED_BYTES_MAX
    return !this.#isWaiting
  }

  close(): void {
    this.#socket.close(1000)
  }

  destroy(): void {
    this.#socket.terminate()
  }
}
