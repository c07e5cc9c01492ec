import { hostParts } from '../parts/part.js'
import { v4vdPart } from '../parts/v4vd.js'

/** A client of a v4vd daemon. */
await hostParts(async (job, fail) => {
  const { connect, sharedMemory, polling } = job
  const part = job.part!
  const options = { ...connect!, sharedMemory, polling }
  return { parts: { [part]: await v4vdPart(part, job, options, fail) } }
})
