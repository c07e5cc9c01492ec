import { Socket, type Server } from 'node:net'
import { frameBytes, type FrameBytes } from '../abi/frame.js'

/** One read: as much as a Unix socket's buffer holds at once, and some more. */
const READ_BYTES = 256 * 1024

/**
 * After so many bytes of one socket the others have their turn: one that is filled as fast as it is
 * read would be read many times in a row.
 */
const TURN_BYTES = 1024 * 1024

/** What is read into, by every socket of this process: a read is dealt with before the next. */
const shared = frameBytes(new Uint8Array(READ_BYTES))

/** Takes the bytes from `start` to `end`, and is done with them when it returns. */
export type OnBytes = (bytes: FrameBytes, start: number, end: number) => void

/** What is inside an accepted socket; Node has no public way to give one a read buffer. */
interface Innards {
  _handle?: unknown
  _server?: Server | null
}

/**
 * Has an accepted socket read into the buffer that all of them share, instead of into a new one
 * for every read; where that can't be done it is used as it is, with a buffer for every read.
 * @param accepted a socket that was accepted paused (`pauseOnConnect`).
 * @returns the socket to use from here on.
 */
export function readShared(accepted: Socket, onBytes: OnBytes): Socket {
  const socket = moveToShared(accepted, onBytes)
  if (socket !== undefined) {
    socket.resume()
    return socket
  }
  accepted.on('data', (chunk: Buffer) => onBytes(frameBytes(chunk), 0, chunk.length))
  accepted.resume()
  return accepted
}

/**
 * Makes a socket that reads into the shared buffer of one that was accepted, which is of no use
 * any more. `net.connect` has the option `onread` for this and `net.Server` has not, so the handle
 * is moved to a second Socket that has it.
 * @returns nothing where a later Node keeps the handle elsewhere: the socket is as it was.
 */
export function moveToShared(accepted: Socket, onBytes: OnBytes): Socket | undefined {
  const innards = accepted as unknown as Innards
  const { _handle: handle, _server: server } = innards
  if (handle === undefined || handle === null || server === undefined) return undefined
  let turnBytes = 0
  const options = {
    handle,
    readable: true,
    writable: true,
    onread: {
      buffer: shared.bytes,
      callback(length: number): boolean {
        onBytes(shared, 0, length)
        turnBytes += length
        if (turnBytes < TURN_BYTES) return true
        turnBytes = 0
        setImmediate(() => {
          if (!socket.isPaused()) socket.resume()
        })
        return false // is not read until it is resumed
      },
    },
  }
  innards._handle = null
  innards._server = null
  const socket = new Socket(options)
  // So that the server counts it out when it closes, as it counted it in.
  ;(socket as unknown as Innards)._server = server
  return socket
}
