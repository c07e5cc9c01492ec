import { hostParts } from '../parts/part.js'
import { v4vdPart } from '../parts/v4vd.js'

/** A client of a v4vd daemon. */
await hostParts(async (job, fail) => {
  const part = job.part!
  const options = { ...job.connect!, sharedMemory: job.sharedMemory }
  return { parts: { [part]: await v4vdPart(part, job, options, fail) } }
})
