import { readdirSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { loadNative } from './native.js'

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
 * @returns fulfilled when it also keeps off one processor, where that can be had.
 */
export async function stepBack(): Promise<void> {
  if (process.platform !== 'linux') return
  lower(0)
  await stepAside([0])
}

/**
 * The same for all other threads that there are by now: in the first thread of a process, those
 * of Node itself, which compile and collect garbage for all threads.
 */
export async function stepBackOthers(): Promise<void> {
  if (process.platform !== 'linux') return
  const others = threads().filter(thread => thread !== process.pid)
  for (const thread of others) lower(thread)
  await stepAside(others)
}

// A system may let a thread that steps back go on to its next tick, of milliseconds, though one
// that was in front of it wants the processor back. So one processor is kept free of them.
async function stepAside(all: readonly number[]): Promise<void> {
  const native = await loadNative()
  for (const thread of all) native?.leaveProcessor(thread)
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
