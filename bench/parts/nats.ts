import { loadPackage } from '../packages.js'
import type { Job } from '../protocol.js'
import { creditBytes, namesOf, windowOf, type PeerHandlers, type PeerLink } from './peer.js'

/** What the harness uses of @nats-io/transport-node. */
interface Nats {
  readonly connect: (options: object) => Promise<NatsConnection>
}

interface NatsConnection {
  publish(subject: string, payload: Uint8Array): void
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { readonly data: Uint8Array }) => void },
  ): unknown
  flush(): Promise<void>
  closed(): Promise<Error | void>
}

/** Bytes and datagrams that may be on the way: more of either made it slower. */
const WINDOW_BYTES = 4 * 1024 * 1024
const WINDOW_DATAGRAMS = 16 * 1024

/**
 * A client of a NATS server: one subject for each direction, read by a callback, which costs less
 * than the iterator. What is published in a turn leaves in batches of 32 KiB, the client's own way.
 */
export async function connectNats(job: Job, handlers: PeerHandlers): Promise<PeerLink> {
  const { connect } = loadPackage<Nats>('@nats-io/transport-node')
  const connection = await connect({ servers: job.connect!.url, reconnect: false })
  void connection.closed().then(error => {
    handlers.fail(`the connection to NATS is gone: ${error?.message ?? 'closed'}`)
  })
  const { inbox, outbox, creditIn, creditOut } = namesOf(job)
  const subscribe = (subject: string, take: (data: Uint8Array) => void): void => {
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) take(message.data)
        else handlers.fail(`NATS: ${error.message}`)
      },
    })
  }
  subscribe(inbox, data => handlers.onDatagram(data))
  subscribe(creditIn, data => handlers.onCredit(Buffer.from(data).readUInt32LE()))
  await connection.flush() // the server knows of the subscriptions
  return {
    send: bytes => connection.publish(outbox, bytes),
    flow: {
      kind: 'credit',
      window: windowOf(job, WINDOW_BYTES, WINDOW_DATAGRAMS),
      sendCredit: datagrams => connection.publish(creditOut, creditBytes(datagrams)),
    },
  }
}
