import { setPriority } from 'node:os'
import { connect, type Ring } from '../../../src/sdk/index.js'
import type { Door } from '../../protocol.js'
import { hostActor, type Fail } from '../actor.js'
import { SOCKET_ONLY } from '../socket-only.js'

export interface PulseJob {
  readonly door: Door
  /** Of the same domain, which policy lets send to itself. */
  readonly to: string
  readonly port: number
  /** Datagrams that are sent together, one pulse after the other. */
  readonly datagrams: number
}

/** What became of the datagrams since the last time. */
export interface PulseReport {
  datagrams: number
  /** The longest that one took through the daemon and back. */
  longestMs: number
  /** The same of those during which this process itself never paused: it is the daemon's doing. */
  longestAwakeMs: number
}

const INTERVAL_MS = 0.2
/** From one pulse to the next; beyond that this process had no processor. */
const PAUSE_MS = 1
const RING_BYTES = '1MiB'
/** What is measured is how long the daemon does not run, so this process is to run before others. */
const PRIORITY = -10
const STAMP_BYTES = 16

/** Never changes: waiting for it is sleeping less than the millisecond that timers know. */
const never = new Int32Array(new SharedArrayBuffer(4))
const nothing: Readonly<PulseReport> = {
  datagrams: 0,
  longestMs: 0,
  longestAwakeMs: 0,
}
let noted: PulseReport = { ...nothing }
let lastAt = 0
/** When this process last went on after a pause. */
let awakeSince = 0

async function receive(ring: Ring): Promise<void> {
  for await (const batch of ring.batches()) {
    const now = performance.now()
    if (now - lastAt > PAUSE_MS) awakeSince = now
    const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength)
    for (let i = 0; i < batch.length; i++) {
      const sentAt = bytes.readDoubleLE(batch.start(i))
      const tookMs = now - sentAt
      if (tookMs > noted.longestMs) noted.longestMs = tookMs
      if (sentAt >= awakeSince && tookMs > noted.longestAwakeMs) noted.longestAwakeMs = tookMs
    }
    noted.datagrams += batch.length
  }
}

function beat(ring: Ring, job: PulseJob): void {
  const stamp = Buffer.alloc(STAMP_BYTES)
  lastAt = performance.now()
  const next = (): void => {
    Atomics.wait(never, 0, 0, INTERVAL_MS)
    const now = performance.now()
    if (now - lastAt > PAUSE_MS) awakeSince = now
    lastAt = now
    stamp.writeDoubleLE(now)
    for (let i = 0; i < job.datagrams; i++) ring.trySend(job.to, stamp)
    setImmediate(next)
  }
  next()
}

/** Sends datagrams to itself at a steady pace, and notes how long they take. */
const commandsOf = (fail: Fail) => ({
  async start(job: PulseJob): Promise<void> {
    try {
      setPriority(PRIORITY)
    } catch {
      // Only a privileged process may; without it, others keep it from running more often.
    }
    const domain = await connect({ ...job.door, ...SOCKET_ONLY, agent: 'v4vd bench pulse' })
    const ring = await domain.bind(job.port, { size: RING_BYTES })
    ring.on('refused', error => fail(`a datagram was refused: ${error.message}`))
    receive(ring).catch((error: unknown) => fail(`the ring ended: ${String(error)}`))
    beat(ring, job)
  },

  /** What was noted since the last call. */
  take(): PulseReport {
    const report = noted
    noted = { ...nothing }
    return report
  },
})

export type PulseCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
