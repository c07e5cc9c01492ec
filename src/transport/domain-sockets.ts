import { mkdirSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Hub } from './hub.js'
import { UnixSocket } from './unix-socket.js'

const SUFFIX = '.sock'
/** Whoever shall be the domain is given the file, by ownership, group or mount. */
const SOCKET_MODE = 0o600

/** One Unix socket for each domain, named after it: whoever can open it is that domain. */
export class DomainSockets {
  readonly #dir: string
  readonly #hub: Hub
  readonly #sockets = new Map<string, UnixSocket>()

  /** @param dir is made where it is not there; sockets of domains that are gone are removed. */
  constructor(dir: string, hub: Hub) {
    this.#dir = dir
    this.#hub = hub
    mkdirSync(dir, { recursive: true, mode: 0o711 })
    for (const file of readdirSync(dir)) if (file.endsWith(SUFFIX)) unlinkSync(join(dir, file))
  }

  pathOf(domain: string): string {
    return join(this.#dir, domain + SUFFIX)
  }

  /** @throws SocketPathError when the path is too long or in use by another file. */
  async open(domain: string): Promise<void> {
    const options = { domain, mode: SOCKET_MODE }
    this.#sockets.set(domain, await UnixSocket.listen(this.pathOf(domain), this.#hub, options))
  }

  /** Closes and removes the socket of a domain that is no more. */
  close(domain: string): void {
    this.#sockets.get(domain)?.close()
    this.#sockets.delete(domain)
  }

  closeAll(): void {
    for (const domain of [...this.#sockets.keys()]) this.close(domain)
  }
}
