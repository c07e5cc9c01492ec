import { doorOf, startBenchDaemon } from '../parts/bench-daemon.js'
import { hostParts } from '../parts/part.js'
import { DOMAINS } from '../parts/v4vd.js'

/** A v4vd daemon. */
await hostParts(async job => {
  const daemon = await startBenchDaemon(job)
  return {
    parts: { relay: { datagrams: 0 } },
    doors: {
      source: await doorOf(daemon, DOMAINS.source, job.door),
      sink: await doorOf(daemon, DOMAINS.sink, job.door),
    },
  }
})
