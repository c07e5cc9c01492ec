import { once } from 'node:events'
import { WebSocket } from 'ws'
import { loadPackage } from '../packages.js'

/** Systems that are put to the same test as v4vd, used the way that their first page shows. */
export const SLOW_PEERS = ['nats', 'redis', 'ws'] as const
export type SlowPeer = (typeof SLOW_PEERS)[number]

/** A connection that sends. */
export interface PeerSender {
  /** @param bytes are not written to afterwards. */
  publish(bytes: Uint8Array): void
}

/** What a connection tells, besides datagrams. */
export interface PeerEvents {
  onDatagram(bytes: Uint8Array): void
  /** The server has let it go; it connects again by itself where that is the client's way. */
  onDisconnected(): void
}

const CHANNEL = 'bench'

/** What the harness uses of @nats-io/transport-node. */
interface Nats {
  connect(options: object): Promise<{
    publish(subject: string, payload: Uint8Array): void
    subscribe(subject: string, options: object): unknown
    flush(): Promise<void>
    status(): AsyncIterable<{ readonly type: string }>
  }>
}

/** What the harness uses of ioredis. */
interface IoRedis {
  readonly Redis: new (options: object) => RedisClient
}

interface RedisClient {
  on(event: 'messageBuffer', handler: (channel: Buffer, message: Buffer) => void): void
  on(event: 'error' | 'reconnecting', handler: () => void): void
  ping(): Promise<unknown>
  publish(channel: string, message: Uint8Array): Promise<number>
  subscribe(channel: string): Promise<unknown>
}

/** Connects a sender. @throws Error when the client's package is not installed. */
export async function openPeerSender(
  peer: SlowPeer,
  address: string,
  onRefused: () => void,
): Promise<PeerSender> {
  switch (peer) {
    case 'nats': {
      const connection = await loadNats().connect({ servers: address })
      return { publish: bytes => connection.publish(CHANNEL, bytes) }
    }
    case 'redis': {
      const client = openRedis(address)
      await client.ping()
      const publish = async (bytes: Uint8Array): Promise<void> => {
        if ((await client.publish(CHANNEL, bytes)) === 0) onRefused()
      }
      return { publish: bytes => void publish(bytes).catch(onRefused) }
    }
    case 'ws': {
      const socket = await openWebSocket(address)
      return { publish: bytes => socket.send(bytes) }
    }
  }
}

/** Connects a receiver. @throws Error when the client's package is not installed. */
export async function openPeerReceiver(
  peer: SlowPeer,
  address: string,
  events: PeerEvents,
): Promise<void> {
  switch (peer) {
    case 'nats': {
      const connection = await loadNats().connect({ servers: address, maxReconnectAttempts: -1 })
      const callback = (error: Error | null, message: { readonly data: Uint8Array }): void => {
        if (error === null) events.onDatagram(message.data)
      }
      connection.subscribe(CHANNEL, { callback })
      void (async () => {
        for await (const { type } of connection.status()) {
          if (type === 'disconnect') events.onDisconnected()
        }
      })()
      return connection.flush()
    }
    case 'redis': {
      const client = openRedis(address)
      client.on('reconnecting', () => events.onDisconnected())
      client.on('messageBuffer', (_, message) => events.onDatagram(message))
      await client.subscribe(CHANNEL)
      return
    }
    case 'ws': {
      const socket = await openWebSocket(address)
      socket.on('message', (data: Buffer) => events.onDatagram(data))
      socket.on('close', () => events.onDisconnected())
    }
  }
}

async function openWebSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await once(socket, 'open')
  return socket
}

function loadNats(): Nats {
  return loadPackage<Nats>('@nats-io/transport-node')
}

function openRedis(path: string): RedisClient {
  const { Redis } = loadPackage<IoRedis>('ioredis')
  const client = new Redis({ path })
  client.on('error', () => undefined) // it connects again by itself
  return client
}
