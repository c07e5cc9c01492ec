import { EventEmitter } from 'node:events'
import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import type { FrameBytes } from '../abi/frame.js'
import { BatchIterator } from './batch-iterator.js'
import type { Batch } from './batch.js'
import type { Connection } from './connection.js'
import { DatagramIterator, receiveOne } from './datagram-iterator.js'
import type { Datagram } from './datagram.js'
import { withDeadline, type CallOptions } from './deadline.js'
import { V4vError } from './errors.js'
import { Receiver } from './receiver.js'
import type { WaitOptions } from './sender.js'
import type { Destination } from './target-table.js'

/** How a message is sent besides where to. */
export interface SendOptions extends WaitOptions {
  /** `dgram` unless said otherwise; a rule may speak of it. */
  readonly type?: MessageType | undefined
}

/** What a ring emits. */
export interface RingEvents {
  /** trySend or sendMany was turned away and is worth trying again; with the address, as `web:80`. */
  drain: [to: string]
  /**
   * Messages that trySend or sendMany took were refused for good: the error names the address. A refusal
   * concerns `count` messages in a row.
   */
  refused: [error: V4vError, count: number]
  /** The ring is gone: closed, or lost with an error. */
  close: [error: V4vError | undefined]
}

/** How long `close` waits for what was accepted, unless told. */
export const CLOSE_TIMEOUT_MS = 5_000

/** A registered ring: datagrams arrive in it, and those sent from it carry its port. */
export class Ring extends EventEmitter<RingEvents> implements AsyncIterable<Datagram> {
  /** The port it is bound to. */
  readonly port: number
  /** Its length in bytes: a message has at most 32 less. */
  readonly length: number
  /** Its number in this session's frames. */
  readonly handle: number
  readonly #connection: Connection
  readonly #receiver: Receiver
  #outstanding = 0
  #whenIdle: (() => void)[] = []
  /** Why nothing can be sent any more. */
  #shut: V4vError | undefined
  #isLost = false
  #closing: Promise<void> | undefined

  /**
   * Made by Domain.bind.
   * @param memory where the daemon puts the ring's bytes itself, if it does.
   */
  constructor(
    connection: Connection,
    handle: number,
    port: number,
    length: number,
    memory?: FrameBytes,
  ) {
    super()
    this.#connection = connection
    this.handle = handle
    this.port = port
    this.length = length
    this.#receiver = new Receiver(
      length,
      domain => connection.targets.nameOf(domain),
      isUrgent => connection.packer.consumed(this, isUrgent),
      connection.load,
      memory,
    )
  }

  // ---- sending ----

  /**
   * Sends one message. The bytes must stay as they are until the promise settles. Costs a promise,
   * so it is for those who want to know that each has arrived.
   *
   * Waits while the receiver has no space (EAGAIN, EDQUOT, EBUSY). Messages to one address arrive
   * in the order of the calls, each once. `signal` or `timeoutMs` end the call: a message that
   * had not been sent will not be, and one that is on the way settles the call with what became
   * of it. Address a domain either by name or by number: order holds within one form.
   *
   * @param to `web:80`, `7:80` for the domain numbered 7, or the two parts.
   * @returns when the bytes are in the receiver's ring.
   * @throws V4vError with a code of the error table; AbortError.
   */
  send(to: Destination, bytes: Uint8Array, options: SendOptions = {}): Promise<void> {
    return this.sendv(to, [bytes], options)
  }

  /**
   * Sends one message that lies in up to 8 buffers; see `send`.
   * @throws V4vError EINVAL for more than 8.
   */
  async sendv(
    to: Destination,
    iovs: readonly Uint8Array[],
    options: SendOptions = {},
  ): Promise<void> {
    this.#check()
    const flow = this.#connection.targets.flow(to)
    const type = MESSAGE_TYPES[options.type ?? 'dgram']
    await this.#connection.sender.send(this, flow, iovs, type, options)
  }

  /**
   * Sends one message if that is possible now; copies the bytes. Costs no object and no promise:
   * what is taken in a turn goes to the daemon together.
   * @returns true when it was taken: it arrives, or a 'refused' event tells of it. False when too
   * much is on the way to that address: a 'drain' event follows.
   * @throws V4vError when the address is malformed, the message too large, or the ring closed.
   */
  trySend(to: Destination, bytes: Uint8Array, type: MessageType = 'dgram'): boolean {
    this.#check()
    const connection = this.#connection
    const flow = connection.targets.flow(to)
    return connection.sender.trySend(this, flow, bytes, MESSAGE_TYPES[type])
  }

  /**
   * Sends messages to one address, as many as is possible now; copies their bytes. The fastest way
   * to send: each is as with `trySend`, but what concerns the address is looked at once.
   * @returns how many were taken, from the first on. When that is not all of them too much is on
   * the way to that address: a 'drain' event follows, and then the rest can be tried.
   * @throws V4vError as `trySend` does, before any is taken.
   */
  sendMany(to: Destination, payloads: readonly Uint8Array[], type: MessageType = 'dgram'): number {
    this.#check()
    const connection = this.#connection
    const flow = connection.targets.flow(to)
    return connection.sender.sendMany(this, flow, payloads, MESSAGE_TYPES[type])
  }

  // ---- receiving ----

  /**
   * Reads datagrams one by one until the ring is closed. What is not read stays in the ring, and
   * senders wait. A ring is read by one consumer at a time. Each costs a promise, an object and a
   * copy: several times what it costs in a batch.
   * @throws V4vError ECONNRESET from the iteration when the ring is lost.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Datagram, undefined> {
    return new DatagramIterator(this, this.#receiver)
  }

  /**
   * Reads many datagrams at a step, without an object, a promise or a copy for each: the fast way to
   * receive. What a step gave is valid until the next one; `start(i)`, `end(i)` and `bytes` cost
   * less than `data(i)`, which makes a view.
   */
  batches(): AsyncIterableIterator<Batch, undefined> {
    return new BatchIterator(this.#receiver)
  }

  /**
   * Receives one datagram.
   * @throws V4vError ETIMEDOUT, AbortError, or ECONNRESET when the ring is closed meanwhile.
   */
  receive(options: CallOptions = {}): Promise<Datagram> {
    return this.receiveWhere(() => true, options)
  }

  /** Receives the first datagram that a test admits and throws those before it away. */
  async receiveWhere(
    isWanted: (datagram: Datagram) => boolean,
    options: CallOptions = {},
  ): Promise<Datagram> {
    const datagram = await receiveOne(this, this.#receiver, options, isWanted)
    if (datagram === undefined) throw new V4vError('ECONNRESET', 'the ring is closed')
    return datagram
  }

  // ---- ending ----

  /**
   * Waits until what was taken to be sent is decided, 5 s unless `timeoutMs` says otherwise, and
   * unregisters the ring. Whoever reads it comes to the end.
   */
  close(options: CallOptions = {}): Promise<void> {
    if (this.#closing === undefined) {
      this.shut(new V4vError('EADDRNOTAVAIL', 'the ring is closed'))
      this.#closing = this.#close(options)
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---- for the connection ----

  /** Bytes of the ring arrived. */
  received(offset: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    return this.#receiver.write(offset, bytes, start, end)
  }

  /** Bytes of the ring arrived in the memory it lies in. */
  receivedInPlace(offset: number, size: number): string | undefined {
    return this.#receiver.grow(offset, size)
  }

  /** How far it has been read, which is being reported now. */
  takeConsumed(): number {
    return this.#receiver.takeConsumed()
  }

  /** So many more messages are to be decided. */
  took(messages: number): void {
    this.#outstanding += messages
  }

  /** So many messages are decided. */
  decided(messages: number): void {
    this.#outstanding -= messages
    if (this.#outstanding > 0 || this.#whenIdle.length === 0) return
    const whenIdle = this.#whenIdle
    this.#whenIdle = []
    for (const resolve of whenIdle) resolve()
  }

  /** Messages that trySend took were refused for good. */
  refused(error: V4vError, messages: number): void {
    this.decided(messages)
    process.nextTick(() => this.emit('refused', error, messages))
  }

  emitDrain(to: string): void {
    process.nextTick(() => this.emit('drain', to))
  }

  /** Settles when all that was taken to be sent is decided. */
  idle(options: CallOptions): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve()
    return withDeadline<void>(options, resolve => {
      this.#whenIdle.push(resolve)
      return () => (this.#whenIdle = this.#whenIdle.filter(other => other !== resolve))
    })
  }

  /** Nothing more can be sent from it. */
  shut(error: V4vError): void {
    this.#shut ??= error
  }

  /** Throws away what has arrived. */
  discard(): void {
    while (this.#receiver.fill() === true) this.#receiver.consume(this.#receiver.batch.endOffset)
  }

  /** The ring is gone without having been closed. */
  lost(error: V4vError): void {
    if (this.#isLost) return
    this.#isLost = true
    this.shut(error)
    this.#receiver.end(error)
    if (this.#closing === undefined) process.nextTick(() => this.emit('close', error))
  }

  /** The connection was closed, and so is the ring. */
  ended(): void {
    if (this.#closing !== undefined) return
    this.#closing = Promise.resolve()
    this.#receiver.end()
    process.nextTick(() => this.emit('close', undefined))
  }

  async #close(options: CallOptions): Promise<void> {
    const limit = { timeoutMs: CLOSE_TIMEOUT_MS, ...options }
    try {
      await this.idle(limit)
    } finally {
      this.#receiver.end()
      await this.#connection.unregister(this, limit)
      if (!this.#isLost) this.emit('close', undefined)
    }
  }

  #check(): void {
    if (this.#shut !== undefined) throw this.#shut
  }
}
