import net from 'node:net'
import { DOMID_ANY, MESSAGE_TYPES } from '../../src/abi/addr.js'
import {
  decodeClosing,
  encodeHello,
  encodePing,
  encodeRegister,
  encodeTarget,
} from '../../src/abi/control-frame.js'
import { writeSendHeader } from '../../src/abi/data-frame.js'
import { FrameReader } from '../../src/abi/frame-reader.js'
import {
  FRAME,
  frameBytes,
  frameType,
  frameY,
  frameZ,
  PROTOCOL_VERSION,
  type FrameBytes,
} from '../../src/abi/frame.js'
import { FRAME_BYTES_MAX, SEND_HEADER_BYTES } from '../../src/abi/limits.js'
import { MESSAGE_LEN_AT, messageSlotsBytes } from '../../src/abi/message.js'
import type { Fail } from './actor.js'

/** One for all sessions of the process: what is read is gone after the call. */
const source = frameBytes(new Uint8Array(64 * 1024))
/** The first handle that a client may give a name. */
const TARGET = 0x8000
const REQUEST_ID = 1

/** What a session floods. */
export interface Flood {
  readonly domain: string
  readonly port: number
  readonly sourcePort: number
  readonly payloadBytes: number
  /** Datagrams in a frame. */
  readonly run: number
}

/**
 * A session without the SDK: it costs its process little when idle, and it can do what the SDK would
 * not. It answers pings and looks at nothing else that the daemon says.
 */
export class RawSession {
  readonly #socket: net.Socket
  readonly #fail: Fail
  readonly #reader = new FrameReader(FRAME_BYTES_MAX, (bytes, at) => this.#onFrame(bytes, at))
  #onWelcome: (() => void) | undefined
  #onRegistered: (() => void) | undefined
  #sent = 0
  #isEnding = false

  private constructor(path: string, fail: Fail) {
    this.#fail = fail
    this.#socket = net.connect({
      path,
      onread: {
        buffer: source.bytes,
        callback: bytes => {
          const problem = this.#reader.push(source, 0, bytes)
          if (problem !== undefined) fail(problem)
          return true
        },
      },
    })
    this.#socket.on('error', error => this.#ended(error.message))
    this.#socket.on('close', () => this.#ended('it was closed'))
  }

  /**
   * Attaches and is let in.
   * @param url of a domain's own socket.
   */
  static open(url: string, fail: Fail): Promise<RawSession> {
    return new Promise(resolve => {
      const session = new RawSession(url.replace(/^unix:/, ''), fail)
      session.#onWelcome = () => resolve(session)
      session.#write(encodeHello({ version: PROTOCOL_VERSION, token: '', agent: 'v4vd bench' }))
    })
  }

  /** Datagrams written so far. */
  get sent(): number {
    return this.#sent
  }

  end(): void {
    this.#isEnding = true
    this.#socket.destroy()
  }

  /**
   * Sends as much as the socket takes, again and again, whatever the daemon refuses: each frame
   * says that it is a retry, so that it is tried.
   */
  async flood({ domain, port, sourcePort, payloadBytes, run }: Flood): Promise<void> {
    this.#write(
      encodeRegister({
        requestId: REQUEST_ID,
        port: sourcePort,
        partner: DOMID_ANY,
        ringBytes: 64,
        failExist: true,
      }),
    )
    await new Promise<void>(resolve => (this.#onRegistered = resolve))
    this.#write(encodeTarget(TARGET, domain))
    const slotsBytes = messageSlotsBytes(payloadBytes)
    const length = SEND_HEADER_BYTES + run * slotsBytes
    const pump = (): void => {
      const socket = this.#socket
      while (!socket.destroyed) {
        const { bytes, view } = frameBytes(new Uint8Array(length)) // the socket may keep it
        const type = MESSAGE_TYPES.dgram
        const header = { target: TARGET, port, sourcePort, type, count: run, retry: true }
        writeSendHeader(view, 0, length, { ...header, firstSeq: this.#sent })
        for (let i = 0; i < run; i++) {
          const at = SEND_HEADER_BYTES + i * slotsBytes
          view.setUint32(at + MESSAGE_LEN_AT, payloadBytes + 16, true)
        }
        this.#sent += run
        if (!socket.write(bytes)) break
      }
    }
    this.#socket.on('drain', pump)
    pump()
  }

  #onFrame(frame: FrameBytes, at: number): undefined {
    const { view } = frame
    switch (frameType(view, at)) {
      case FRAME.WELCOME:
        this.#onWelcome?.()
        break
      case FRAME.RESULT:
        this.#onRegistered?.()
        break
      case FRAME.PING:
        this.#write(encodePing(FRAME.PONG, frameY(view, at), frameZ(view, at)))
        break
      case FRAME.CLOSING: {
        const closing = decodeClosing(frame, at)
        this.#ended(typeof closing === 'string' ? closing : closing.reason)
      }
    }
  }

  #write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  #ended(reason: string): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#fail(`a session ended: ${reason}`)
  }
}
