import type { Flow } from './flow.js'

/** What a session may have on the way: slot bytes and messages. */
const SESSION_BYTES_MAX = 4 * 1024 * 1024
const SESSION_MESSAGES_MAX = 65_536

/** Counts what is on the way, for the session and for each flow. */
export class SessionWindow {
  #bytes = 0
  #messages = 0

  /**
   * Whether a message of `size` slot bytes may be on the way now. The session's window may be
   * overrun by that one message, or a large one would wait for ever beside busy flows.
   */
  admits(flow: Flow, size: number): boolean {
    return (
      flow.admits(size) && this.#bytes < SESSION_BYTES_MAX && this.#messages < SESSION_MESSAGES_MAX
    )
  }

  take(flow: Flow, bytes: number): void {
    flow.bytesInFlight += bytes
    flow.messagesInFlight++
    this.#bytes += bytes
    this.#messages++
  }

  give(flow: Flow, bytes: number, messages: number): void {
    flow.bytesInFlight -= bytes
    flow.messagesInFlight -= messages
    this.#bytes -= bytes
    this.#messages -= messages
  }

  /** There is enough room to begin again after having been turned away. */
  get hasDrained(): boolean {
    return this.#bytes * 2 <= SESSION_BYTES_MAX && this.#messages * 2 <= SESSION_MESSAGES_MAX
  }
}
