import { setTimeout as sleep } from 'node:timers/promises'
import type { Usage } from './actors/daemon.js'
import type { SinkCommands, SinkCount } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import type { Actor } from './crew.js'

/** How long the last datagrams may stay away before they are taken for lost. */
const SILENT_MS_MAX = 3_000
const POLL_MS = 20

/** Between two counts of a sink, by its own clock. */
export function perSecond(before: SinkCount, after: SinkCount): number {
  return ((after.datagrams - before.datagrams) / (after.atMs - before.atMs)) * 1000
}

/** CPU time of a process for each datagram, in microseconds, when so many arrive each second. */
export function cpuUsBetween(before: Usage, after: Usage, datagramsPerSecond: number): number {
  const share = (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs)
  return (share / datagramsPerSecond) * 1e6
}

/** How much arrives each second in the time to come, at one sink or at all of the process. */
export async function measureRate(
  sinks: Actor<SinkCommands>,
  seconds: number,
  name?: string,
): Promise<number> {
  const take = async (): Promise<SinkCount[]> => {
    const counts = await sinks.call('counts')
    return name === undefined ? Object.values(counts) : [counts[name]!]
  }
  const before = await take()
  await sleep(seconds * 1000)
  const after = await take()
  return before.reduce((sum, count, i) => sum + perSecond(count, after[i]!), 0)
}

/**
 * Stops sources and waits until all that they sent has arrived.
 * @param names of sources; all unless told.
 * @param arrivedOf what counts of the sinks' counts.
 * @throws Error when something stays away.
 */
export async function expectAll(
  sources: Actor<SourceCommands>,
  sinks: Actor<SinkCommands>,
  arrivedOf: (counts: Readonly<Record<string, SinkCount>>) => number = allOf,
  names?: readonly string[],
): Promise<number> {
  const sent = await sources.call('stop', names)
  let arrived = -1
  let silentSinceMs = performance.now()
  for (;;) {
    const now = arrivedOf(await sinks.call('counts'))
    if (now === sent) return sent
    if (now > sent) throw new Error(`${sent} datagrams were sent and ${now} arrived`)
    if (now > arrived) silentSinceMs = performance.now()
    else if (performance.now() - silentSinceMs > SILENT_MS_MAX) {
      throw new Error(`${sent} datagrams were sent and only ${now} arrived`)
    }
    arrived = now
    await sleep(POLL_MS)
  }
}

function allOf(counts: Readonly<Record<string, SinkCount>>): number {
  return Object.values(counts).reduce((sum, { datagrams }) => sum + datagrams, 0)
}
