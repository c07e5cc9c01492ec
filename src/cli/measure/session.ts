import { once } from 'node:events'
import { connect, type Domain, type Ring } from '../../sdk/index.js'
import { errorText, failed } from '../fail.js'
import { sendFailure } from '../send-failure.js'
import { version } from '../version.js'
import { openPair, type Pair, type PairOptions } from './pair.js'
import { ReceiverProcess } from './receiver-process.js'

/** Both ends of a measurement, attached. */
export interface Session {
  readonly pair: Pair
  /** How the sender is attached. */
  readonly transport: Domain['transport']
  readonly ring: Ring
  readonly receiver: ReceiverProcess
  /** Where to send, such as `db:7`. */
  readonly to: string
}

/** What the receiver shall do. */
export interface SessionJob {
  readonly ringBytes: number
  readonly isStamped: boolean
  readonly echo: boolean
}

/**
 * Attaches both ends, measures, and takes everything back: also when the measurement fails, and
 * when SIGINT or SIGTERM ends it.
 */
export async function withSession<T>(
  options: PairOptions,
  job: SessionJob,
  measure: (session: Session) => Promise<T>,
): Promise<T> {
  const interruption = new Interruption()
  const pair = await openPair(options)
  const receiver = new ReceiverProcess()
  let domain: Domain | undefined
  try {
    interruption.check()
    const work = async (): Promise<T> => {
      const { name, place, port } = pair.to
      const bound = await receiver.start({ ...job, name, place, port })
      domain = await attach(pair)
      const ring = await domain.bind(pair.from.port, { size: job.ringBytes })
      const refused = once(ring, 'refused').then(([error]) => {
        throw sendFailure(error)
      })
      const lost = domain.closed.then(reason => {
        throw failed(reason?.message ?? 'the session was closed')
      })
      const { transport } = domain
      const session = { pair, transport, ring, receiver, to: `${name}:${bound}` }
      return Promise.race([measure(session), refused, lost])
    }
    return await Promise.race([work(), receiver.failed, interruption.happened])
  } finally {
    await receiver.end()
    await domain?.close({ timeoutMs: 1_000 })
    await pair.end()
    interruption.end()
  }
}

async function attach({ from }: Pair): Promise<Domain> {
  let domain
  try {
    domain = await connect({ ...from.place, agent: `v4v ${version()}` })
  } catch (error) {
    throw failed(`can't attach at ${from.place.url}: ${errorText(error)}`, undefined, error)
  }
  if (domain.name === from.name) return domain
  await domain.close()
  throw failed(
    `the token is of domain ${domain.name}, not of ${from.name}`,
    'use the other name, or another token',
  )
}

/** SIGINT and SIGTERM, turned into an error; a second one ends the process at once. */
class Interruption {
  /** Rejects when one comes. */
  readonly happened: Promise<never>
  #reject!: (error: Error) => void
  #isInterrupted = false
  readonly #onSignal = (): void => {
    this.#isInterrupted = true
    this.#reject(failed('interrupted'))
  }

  constructor() {
    this.happened = new Promise((_, reject) => (this.#reject = reject))
    this.happened.catch(() => undefined) // before the measurement begins
    process.once('SIGINT', this.#onSignal)
    process.once('SIGTERM', this.#onSignal)
  }

  check(): void {
    if (this.#isInterrupted) throw failed('interrupted')
  }

  end(): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
  }
}
