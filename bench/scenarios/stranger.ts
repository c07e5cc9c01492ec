import type { SourceCommands } from './actors/sources.js'
import type { BenchDaemon } from './bench-daemon.js'
import type { Actor } from './crew.js'

const PER_SECOND = 1_000
const PORT = 5000

/**
 * Attaches a domain that nobody lets send, and has it send all the same: 1000 datagrams a second are
 * refused from now on, in 200 bursts of which each is an event.
 * @param key tells the daemon from others that the same process is attached to.
 * @param payloadBytes of the flow whose sink it sends to.
 */
export async function openStranger(
  daemon: BenchDaemon,
  key: string,
  sources: Actor<SourceCommands>,
  payloadBytes: number,
  domain = 'stranger',
): Promise<void> {
  await daemon.addDomains([domain])
  const name = `${key}-${domain}`
  const pace = { kind: 'rate', perSecond: PER_SECOND } as const
  const stranger = { name, door: daemon.door(domain), port: PORT, payloadBytes: 64 }
  const to = `sink-${payloadBytes}:${PORT}`
  await sources.call('attach', [{ ...stranger, to, pace, mayBeRefused: true }])
  await sources.call('start', [name])
}
