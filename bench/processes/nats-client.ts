import { connectNats } from '../parts/nats.js'
import { hostParts } from '../parts/part.js'
import { peerPart } from '../parts/peer.js'

/** A client of a NATS server. */
await hostParts(async (job, fail) => ({
  parts: { [job.part!]: await peerPart(connectNats, job, fail) },
}))
