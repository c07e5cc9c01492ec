import { hostParts } from '../parts/part.js'
import { startZeroMqProxies } from '../parts/zeromq.js'

/** Two proxies of ZeroMQ, one for each direction. */
await hostParts(async (job, fail) => {
  await startZeroMqProxies(job, fail)
  // Their threads would hold up the end of this process.
  process.on('exit', () => process.kill(process.pid, 'SIGKILL'))
  const door = { url: job.scratchDir }
  return { parts: { relay: { datagrams: 0 } }, doors: { source: door, sink: door } }
})
