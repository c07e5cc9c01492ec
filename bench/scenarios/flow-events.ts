/** Where the flow log of a daemon is followed. */
export interface FlowLogPlace {
  readonly url: string
  /** An admin's. */
  readonly token: string
}

/** Path of the flow log, without the recent events: what is measured is to look on. */
export const FLOW_LOG = '/v1/flows?follow=true&limit=1'

const LOST = /^data: lost=([0-9]+)$/m
const FLOW = 'event: flow\n'

/** Reads the server-sent events of the flow log, however they are cut. */
export class FlowEvents {
  readonly #decoder = new TextDecoder()
  readonly #onFlow: ((text: string) => void) | undefined
  #rest = ''
  #flows = 0
  #lost = 0

  /** @param onFlow is given the text of each event of a flow. */
  constructor(onFlow?: (text: string) => void) {
    this.#onFlow = onFlow
  }

  /** Events of flows that came. */
  get flows(): number {
    return this.#flows
  }

  /** Events that the daemon said were missed. */
  get lost(): number {
    return this.#lost
  }

  push(chunk: Uint8Array): void {
    const events = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n\n')
    this.#rest = events.pop()!
    for (const text of events) {
      if (text.startsWith(FLOW)) {
        this.#flows++
        this.#onFlow?.(text)
      } else this.#lost += Number(LOST.exec(text)?.[1] ?? 0)
    }
  }
}
