import { hostParts } from '../parts/part.js'
import { peerPart } from '../parts/peer.js'
import { connectZeroMq } from '../parts/zeromq.js'

/** A client of the ZeroMQ proxies. */
await hostParts(async (job, fail) => ({
  parts: { [job.part!]: await peerPart(connectZeroMq, job, fail) },
}))
