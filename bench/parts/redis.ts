import { loadPackage } from '../packages.js'
import type { Job } from '../protocol.js'
import { creditBytes, namesOf, windowOf, type PeerHandlers, type PeerLink } from './peer.js'

/** What the harness uses of ioredis. */
interface IoRedis {
  readonly Redis: new (path: string, options: object) => RedisClient
}

interface RedisClient {
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'messageBuffer', listener: (channel: Buffer, message: Buffer) => void): void
  connect(): Promise<unknown>
  publish(channel: string, message: Buffer): Promise<number>
  subscribe(...channels: string[]): Promise<unknown>
}

const WINDOW_BYTES = 4 * 1024 * 1024
const WINDOW_DATAGRAMS = 16 * 1024

/**
 * A client of a Redis server: one connection to publish on, which does not wait for the answers
 * between, and one that is subscribed. (With the package `redis` it was about half as fast.)
 */
export async function connectRedis(job: Job, handlers: PeerHandlers): Promise<PeerLink> {
  const { Redis } = loadPackage<IoRedis>('ioredis')
  const open = async (): Promise<RedisClient> => {
    const client = new Redis(job.connect!.url, { lazyConnect: true, retryStrategy: null })
    client.on('error', error => handlers.fail(`Redis: ${error.message}`))
    await client.connect()
    return client
  }
  const { inbox, outbox, creditIn, creditOut } = namesOf(job)
  const isInbox = Buffer.from(inbox)
  const subscriber = await open()
  subscriber.on('messageBuffer', (channel, message) => {
    if (channel.equals(isInbox)) handlers.onDatagram(message)
    else handlers.onCredit(message.readUInt32LE())
  })
  await subscriber.subscribe(inbox, creditIn)
  const publisher = await open()
  const publish = (channel: string, bytes: Uint8Array): void => {
    const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    publisher.publish(channel, message).then(
      receivers => {
        if (receivers !== 1) handlers.fail(`Redis: ${receivers} clients read ${channel}`)
      },
      (error: unknown) => handlers.fail(`Redis: ${String(error)}`),
    )
  }
  return {
    send: bytes => publish(outbox, bytes),
    flow: {
      kind: 'credit',
      window: windowOf(job, WINDOW_BYTES, WINDOW_DATAGRAMS),
      sendCredit: datagrams => publish(creditOut, creditBytes(datagrams)),
    },
  }
}
