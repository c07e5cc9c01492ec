import { memoryPair, type ConnectOptions } from '../../src/sdk/index.js'
import { startBenchDaemon } from '../parts/bench-daemon.js'
import { hostParts } from '../parts/part.js'
import { DOMAINS, v4vdPart } from '../parts/v4vd.js'

/** A v4vd daemon and both its clients in one process: they share one core and one event loop. */
await hostParts(async (job, fail) => {
  const daemon = await startBenchDaemon(job)
  const attach = (domain: string): ConnectOptions => {
    const [client, end] = memoryPair()
    daemon.attach(end, domain)
    return { memory: () => client }
  }
  const sink = await v4vdPart('sink', job, attach(DOMAINS.sink), fail)
  const source = await v4vdPart('source', job, attach(DOMAINS.source), fail)
  return { parts: { relay: { datagrams: 0 }, sink, source } }
})
