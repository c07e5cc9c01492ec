import { readdirSync, readlinkSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { loadNative } from './native.js'

/**
 * How far a thread steps back, on the system's scale from -20 to 19. Where all want a processor it
 * still gets a third of what others get: enough to be done in time.
 */
export const STEP = 5

/** One directory for each thread of this process, by its number. */
const THREADS = '/proc/self/task'
/** The one of the thread that looks. */
const OWN_THREAD = '/proc/thread-self'

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
 * @returns fulfilled when they also leave a processor free, as in `leaveProcessor`.
 */
export async function stepBackOthers(): Promise<void> {
  if (process.platform !== 'linux') return
  const others = threads().filter(thread => thread !== process.pid)
  for (const thread of others) lower(thread)
  await Promise.all(others.map(leaveProcessor))
}

/**
 * The number the system has for the thread that calls it.
 * @returns undefined where the system doesn't tell.
 */
export function ownThread(): number | undefined {
  try {
    return Number(readlinkSync(OWN_THREAD).split('/').pop())
  } catch {
    return undefined
  }
}

/**
 * Has a thread leave one processor to others, where that can be had: one that steps back and
 * computes for long. A system may let it go on to the next tick, of milliseconds, though a thread
 * in front of it wants the processor. Not to be called in a thread that may be ended at any time:
 * ended while it loads what this needs, it takes the whole process with it.
 * @param thread its number, from `ownThread`.
 */
export async function leaveProcessor(thread: number): Promise<void> {
  const native = await loadNative()
  native?.leaveProcessor(thread)
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
