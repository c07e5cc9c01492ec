import {
  encodeRegister,
  encodeUnregister,
  type Register,
  type Result,
} from '../abi/control-frame.js'
import type { FrameBytes } from '../abi/frame.js'
import { Calls } from './calls.js'
import type { Connection } from './connection.js'
import type { CallOptions } from './deadline.js'
import { V4vError } from './errors.js'
import { Ring } from './ring.js'

/** The rings of one session, and those being registered. */
export class RingTable {
  readonly #connection: Connection
  readonly #rings = new Map<number, Ring>()
  /** Rings that only one domain may send to: they go when that domain does. */
  readonly #partnerRings = new Set<Ring>()
  /** Those that went so: the daemon keeps what arrived in shared memory until they are closed. */
  readonly #lostRings = new Set<Ring>()
  readonly #calls = new Calls<Ring | Result>()
  /** Where rings lie that the daemon has placed and not yet spoken of. */
  readonly #places = new Map<number, FrameBytes>()
  /** Numbers of REGISTER requests, and whether each names a partner. */
  readonly #registering = new Map<number, boolean>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  ring(handle: number): Ring | undefined {
    return this.#rings.get(handle)
  }

  rings(): Ring[] {
    return [...this.#rings.values()]
  }

  /** @throws V4vError with what the daemon says against it. */
  async register(
    request: Omit<Register, 'requestId'>,
    isForPartner: boolean,
    options: CallOptions,
  ): Promise<Ring> {
    const answer = await this.#calls.call(
      options,
      requestId => {
        this.#registering.set(requestId, isForPartner)
        this.#connection.packer.control(encodeRegister({ ...request, requestId }))
      },
      late => {
        // Nobody wants it any more; as nothing was sent from it there is nothing to wait for.
        if (late instanceof Ring) late.close().catch(() => undefined)
      },
    )
    if (answer instanceof Ring) return answer
    throw V4vError.ofErrno(answer.errno, answer.detail)
  }

  async unregister(ring: Ring, options: CallOptions): Promise<void> {
    const isLost = this.#lostRings.delete(ring)
    if (!isLost && !this.#rings.delete(ring.handle)) return
    this.#partnerRings.delete(ring)
    const { packer } = this.#connection
    await this.#calls.call(options, id => packer.control(encodeUnregister(id, ring.handle)))
  }

  /** The ring that is about to be registered under this handle lies in shared memory. */
  place(handle: number, memory: FrameBytes): void {
    this.#places.set(handle, memory)
  }

  /** The daemon's answer to one of the requests; says what is wrong with it. */
  onResult(result: Result): string | undefined {
    const { requestId } = result
    const isForPartner = this.#registering.get(requestId)
    this.#registering.delete(requestId)
    if (isForPartner === undefined || result.errno !== 0) {
      this.#calls.answer(requestId, result)
      return undefined
    }
    // Made here and not by who waits: the ring's first bytes may be right behind this frame.
    const { ring: handle, port, ringBytes } = result
    const memory = this.#places.get(handle)
    this.#places.delete(handle)
    if (memory !== undefined && memory.bytes.length !== ringBytes) {
      return 'RESULT gives a ring another length than the place it has'
    }
    const ring = new Ring(this.#connection, handle, port, ringBytes, memory)
    this.#rings.set(ring.handle, ring)
    if (isForPartner) this.#partnerRings.add(ring)
    this.#calls.answer(requestId, ring)
    return undefined
  }

  /** Rings at this port went because the one domain that could send to them was removed. */
  losePartnerRings(port: number): void {
    for (const ring of this.#partnerRings) {
      if (ring.port !== port) continue
      this.#partnerRings.delete(ring)
      this.#rings.delete(ring.handle)
      this.#lostRings.add(ring)
      ring.lost(new V4vError('ECONNRESET', 'the domain this ring was for is gone'))
    }
  }

  /** The session is over; by the client's wish, or by a loss of which the error tells. */
  end(error: V4vError, isLost: boolean): void {
    const rings = this.rings()
    this.#rings.clear()
    this.#partnerRings.clear()
    this.#lostRings.clear()
    this.#calls.failAll(error)
    for (const ring of rings) {
      if (isLost) ring.lost(error)
      else ring.ended()
    }
  }
}
