import { Poller, type Load, type Polling } from '../native/poller.js'

/** A way to a client that has to be looked at while nothing rings. */
export interface Watched {
  /** Deals with some of what is there; false when there was nothing. */
  look(): boolean
  /** Has the client ring from now on; false when something came meanwhile, and it is awake still. */
  sleep(): boolean
  /** Wakes the client, if it sleeps. */
  ring(): void
}

/** In a stream, whoever sleeps is woken after so many looks that found something. */
const LOOKS_PER_BELL = 4

/**
 * Looks at the links that were active lately once a turn, and for a short while after the last
 * thing that came by any of them or by a socket, before it has them sleep.
 */
export class LinkWatch {
  readonly #load: Load = { messages: 0 }
  readonly #awake = new Set<Watched>()
  readonly #unrung = new Set<Watched>()
  #looks = 0
  readonly #poller: Poller

  constructor(polling: Polling) {
    this.#poller = new Poller(
      polling,
      this.#load,
      () => this.#look(),
      () => this.#sleep(),
    )
  }

  /** So many messages came, in this turn. */
  came(messages: number): void {
    this.#load.messages += messages
  }

  /** Something came over a socket. */
  heard(): void {
    this.#poller.heard()
  }

  /** Something came by this link, or it has something to do. */
  stir(link: Watched): void {
    this.#awake.add(link)
    this.#poller.stir()
  }

  /**
   * Wakes a link's client: in a stream only when several looks brought something for it, or one
   * brought nothing. Waking a process costs as much as many messages.
   */
  ring(link: Watched): void {
    if (this.#poller.isInStream) this.#unrung.add(link)
    else link.ring()
  }

  /** This link is to be looked at no more. */
  forget(link: Watched): void {
    this.#awake.delete(link)
    this.#unrung.delete(link)
  }

  stop(): void {
    this.#poller.stop()
  }

  #look(): boolean {
    let found = false
    for (const link of this.#awake) if (link.look()) found = true
    if (this.#unrung.size > 0 && (!found || ++this.#looks >= LOOKS_PER_BELL)) this.#ringAll()
    return found
  }

  #ringAll(): void {
    this.#looks = 0
    for (const link of this.#unrung) link.ring()
    this.#unrung.clear()
  }

  #sleep(): boolean {
    for (const link of this.#awake) if (link.sleep()) this.#awake.delete(link)
    return this.#awake.size === 0
  }
}
