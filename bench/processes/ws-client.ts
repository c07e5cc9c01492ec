import { hostParts } from '../parts/part.js'
import { peerPart } from '../parts/peer.js'
import { connectWs } from '../parts/ws.js'

/** A client of the plain `ws` relay. */
await hostParts(async (job, fail) => ({
  parts: { [job.part!]: await peerPart(connectWs, job, fail) },
}))
