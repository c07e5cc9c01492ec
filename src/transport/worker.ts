import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Hub } from './hub.js'
import type { Link } from './link.js'
import { refusal, type Refusal } from '../hypervisor/outcome.js'

/** The client's end of a session in another thread: to be handed over with `port` transferred. */
export interface WorkerEnd {
  /** Carries bells, and closes when either end does. */
  readonly port: MessagePort
  /** Through which all frames go: see `sharedLayoutOf` of the abi. */
  readonly memory: SharedArrayBuffer
  readonly chunks: number
}

/**
 * Takes in a client in another thread of this process.
 * @param name of the domain that the client is.
 * @returns the client's end; ESRCH for a domain that is not there, ENOSPC at a limit.
 */
export function attachWorker(hub: Hub, name: string): { ok: true; end: WorkerEnd } | Refusal {
  const domain = hub.hypervisor.domainNamed(name)
  if (domain === undefined) {
    const detail = `there is no domain "${name}"`
    hub.refused('shared-memory', {}, { reason: 'domain-unknown', detail })
    return refusal('ESRCH', detail)
  }
  const outcome = hub.segments.openForThread(domain)
  if (!outcome.ok) {
    const { detail } = outcome
    hub.refused('shared-memory', {}, { reason: 'shared-memory-full', detail }, domain.party)
    return outcome
  }
  const { segment, buffer } = outcome
  const { port1: port, port2 } = new MessageChannel()
  const connection = hub.connect(new PortLink(port), name)
  if (connection === undefined) {
    segment.release()
    return refusal('ENOSPC', 'too many clients that have not said who they are')
  }
  hub.authenticated(connection) // who it is was said here, and a thread may take its time to start
  connection.share(segment)
  port.on('message', () => connection.rung())
  port.on('close', () => connection.gone())
  connection.rung()
  return { ok: true, end: { port: port2, memory: buffer, chunks: segment.layout.chunks } }
}

/** What is left of a link whose frames all go through shared memory. */
class PortLink implements Link {
  readonly kind = 'shared-memory'
  readonly #port: MessagePort

  constructor(port: MessagePort) {
    this.#port = port
  }

  ring(): void {
    this.#port.postMessage(0)
  }

  end(): void {
    this.#port.close()
  }

  destroy(): void {
    this.#port.close()
  }

  /** Nothing comes by it but bells. */
  write(): void {}

  pause(): void {}

  resume(): void {}
}
