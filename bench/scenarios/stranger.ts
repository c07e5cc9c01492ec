import type { SourceCommands } from './actors/sources.js'
import type { BenchDaemon } from './bench-daemon.js'
import type { Actor } from './crew.js'

const PER_SECOND = 1_000
const PORT = 5000

/**
 * Attaches a domain that nobody lets send, and has it send all the same: 1000 datagrams a second are
 * refused from now on, so that there is something to be seen.
 * @param key tells the daemon from others that the same process is attached to.
 * @param payloadBytes of the flow whose sink it sends to.
 */
export async function openStranger(
  daemon: BenchDaemon,
  key: string,
  sources: Actor<SourceCommands>,
  payloadBytes: number,
): Promise<void> {
  await daemon.addDomains(['stranger'])
  const name = `${key}-stranger`
  const pace = { kind: 'rate', perSecond: PER_SECOND } as const
  const stranger = { name, door: daemon.door('stranger'), port: PORT, payloadBytes: 64 }
  const to = `sink-${payloadBytes}:${PORT}`
  await sources.call('attach', [{ ...stranger, to, pace, mayBeRefused: true }])
  await sources.call('start', [name])
}
