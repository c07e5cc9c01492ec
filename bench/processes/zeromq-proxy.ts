import { hostParts } from '../parts/part.js'
import { startZeroMqProxies } from '../parts/zeromq.js'

/** Two proxies of ZeroMQ, one for each direction. */
await hostParts(async (job, fail) => {
  await startZeroMqProxies(job, fail)
  const door = { url: job.scratchDir }
  return { parts: { relay: { datagrams: 0 } }, doors: { source: door, sink: door } }
})
