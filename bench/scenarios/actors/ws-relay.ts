import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { hostActor } from '../actor.js'

const commands = {
  /** Starts the relay as it stands in many a tutorial: to whoever else is there, at once. */
  async start(): Promise<string> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    server.on('connection', socket => {
      socket.on('message', (data: Buffer, binary) => {
        for (const client of server.clients) if (client !== socket) client.send(data, { binary })
      })
    })
    await once(server, 'listening')
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
}

export type WsRelayCommands = typeof commands

hostActor(() => commands)
