import { readdirSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/**
 * How far a thread steps back, on the system's scale from -20 to 19. Where all want a processor it
 * still gets a third of what others get: enough to be done in time.
 */
export const STEP = 5

/** One directory for each thread of this process, by its number. */
const THREADS = '/proc/self/task'

/**
 * Has the thread that calls it make way for others: a datagram does not wait for what it works on.
 * Only on Linux, where a priority is a thread's; elsewhere it would be the whole process's.
 */
export function stepBack(): void {
  if (process.platform === 'linux') lower(0)
}

/**
 * The same for all other threads that there are by now: in the first thread of a process, those
 * of Node itself, which compile and collect garbage for all threads.
 */
export function stepBackOthers(): void {
  if (process.platform !== 'linux') return
  for (const thread of threads()) if (thread !== process.pid) lower(thread)
}

function threads(): number[] {
  try {
    return readdirSync(THREADS).map(Number)
  } catch {
    return []
  }
}

// A sandbox may forbid it, and a thread may end meanwhile: all works without, only less evenly.
function lower(thread: number): void {
  try {
    setPriority(thread, Math.min(constants.priority.PRIORITY_LOW, getPriority(thread) + STEP))
  } catch {
    return
  }
}
