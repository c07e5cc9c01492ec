import { hostActor } from '../actor.js'
import { openPeerReceiver, type SlowPeer } from '../slow-peers.js'
import { SlowWork } from '../slow-work.js'

const work = new SlowWork()
let received = 0
let disconnects = 0

const commands = {
  attach(peer: SlowPeer, address: string): Promise<void> {
    return openPeerReceiver(peer, address, {
      onDatagram() {
        received++
        work.did()
      },
      onDisconnected() {
        disconnects++
      },
    })
  },

  /** How many datagrams are worked off each second from now on; no bound unless told. */
  setRate(perSecond?: number): void {
    work.perSecond = perSecond
  },

  counts(): { readonly received: number; readonly disconnects: number } {
    return { received, disconnects }
  },
}

export type PeerReceiverCommands = typeof commands

hostActor(() => commands)
