import { hostParts } from '../parts/part.js'
import { wsPart } from '../parts/ws.js'

/** A client of the plain `ws` relay. */
await hostParts(async (job, fail) => ({ parts: { [job.part!]: await wsPart(job, fail) } }))
