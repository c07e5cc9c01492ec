import { hostActor } from '../actor.js'
import { openPeerSender, type PeerSender, type SlowPeer } from '../slow-peers.js'

const TICK_MS = 5

let sender: PeerSender | undefined
let payload = Buffer.alloc(0)
let timer: NodeJS.Timeout | undefined
let sent = 0
let refused = 0

const commands = {
  async attach(peer: SlowPeer, address: string, payloadBytes: number): Promise<void> {
    payload = Buffer.alloc(payloadBytes, 'v4v')
    sender = await openPeerSender(peer, address, () => refused++)
  },

  start(perSecond: number): void {
    const [startedMs, sentBefore] = [performance.now(), sent]
    timer = setInterval(() => {
      const due = ((performance.now() - startedMs) / 1000) * perSecond
      while (sent - sentBefore < due) {
        payload.writeUInt32LE(sent++)
        sender!.publish(Buffer.from(payload)) // a client may keep what it was handed
      }
    }, TICK_MS)
  },

  stop(): void {
    clearInterval(timer)
  },

  counts(): { readonly sent: number; readonly refused: number } {
    return { sent, refused }
  },
}

export type PeerSenderCommands = typeof commands

hostActor(() => commands)
