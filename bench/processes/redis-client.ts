import { hostParts } from '../parts/part.js'
import { peerPart } from '../parts/peer.js'
import { connectRedis } from '../parts/redis.js'

/** A client of a Redis server. */
await hostParts(async (job, fail) => ({
  parts: { [job.part!]: await peerPart(connectRedis, job, fail) },
}))
