import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.js'
import { PARTS, type Job, type PartName, type Snapshot } from './protocol.js'
import type { Parameters, Repeat, TrialResult } from './results.js'
import type { Trial } from './trials.js'

/** What a trial may take besides its windows. */
const EXTRA_MS_MAX = 30_000
/** How long the last datagrams may stay away before they are taken for lost. */
const SILENT_MS_MAX = 3_000
const POLL_MS = 20
/** Datagrams that have been seen to be enough for the compiler, and how long that may take. */
const WARM_UP_DATAGRAMS = 10_000
const WARM_UP_STEPS_MAX = 5

/** A part and the process that hosts it. */
type Cast = (part: PartName) => Child

/**
 * Runs a trial in processes of its own: warm-up, windows, and a count of what arrived against what
 * was sent. It ends in bounded time and leaves nothing behind.
 * @param profileDir where each process writes a CPU profile, if it should.
 */
export async function runTrial(
  trial: Trial,
  parameters: Parameters,
  profileDir: string | undefined,
): Promise<TrialResult> {
  const { system, payloadBytes, measure } = trial
  const scratchDir = mkdtempSync(join(tmpdir(), 'v4v-bench-'))
  const removeScratch = (): void => rmSync(scratchDir, { recursive: true, force: true })
  process.once('exit', removeScratch)
  const children: Child[] = []
  const repeats: Repeat[] = []
  const bounded = new AbortController()
  let failure: string | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const fork = (script: string, part: PartName): Child => {
        const execArgv = profileDir === undefined ? [] : profileArgs(profileDir, trial, part)
        const child = new Child(script, execArgv, reject)
        children.push(child)
        return child
      }
      const job: Job = {
        measure,
        payloadBytes,
        scratchDir,
        door: system.door,
        receive: system.receive,
        sharedMemory: system.sharedMemory ?? 'off',
        polling: system.polling ?? (measure === 'throughput' ? 'auto' : 'off'),
        touch: parameters.touch,
        rules: parameters.rules,
      }
      castParts(trial, job, fork)
        .then(cast => measureRepeats(trial, cast, parameters, repeats))
        .then(resolve, reject)
      const { warmUpSeconds, seconds, repeats: count } = parameters
      const windowsSeconds = warmUpSeconds * WARM_UP_STEPS_MAX + seconds * count
      const boundMs = windowsSeconds * 1000 + EXTRA_MS_MAX
      void sleep(boundMs, undefined, { signal: bounded.signal }).then(
        () => reject(new Error(`the trial was not over after ${boundMs / 1000} s`)),
        () => undefined,
      )
    })
  } catch (error) {
    failure = (error as Error).message
  }
  bounded.abort()
  await Promise.all(children.map(child => child.end()))
  removeScratch()
  process.off('exit', removeScratch)
  return { system: system.name, payloadBytes, measure, repeats, failure }
}

/** Starts relay, sink and source, in this order, since each needs the one before. */
async function castParts(
  { system }: Trial,
  job: Job,
  fork: (script: string, part: PartName) => Child,
): Promise<Cast> {
  const relay = fork(system.relay, 'relay')
  if (system.client === undefined) {
    await relay.start(job)
    return () => relay
  }
  const sink = fork(system.client, 'sink')
  const source = fork(system.client, 'source')
  const doors = await relay.start(job)
  await sink.start({ ...job, part: 'sink', connect: doors.sink! })
  await source.start({ ...job, part: 'source', connect: doors.source! })
  return part => ({ relay, sink, source })[part]
}

async function measureRepeats(
  { system, measure, payloadBytes }: Trial,
  cast: Cast,
  { warmUpSeconds, seconds, repeats: count }: Parameters,
  repeats: Repeat[],
): Promise<void> {
  // What counts has arrived: at the sink, or back at the source.
  const goal = measure === 'throughput' ? 'sink' : 'source'
  // Without processes of their own for the clients, all is in the relay's.
  const others = system.client === undefined ? [] : PARTS.filter(name => name !== goal)
  const take = async (): Promise<Moment> => {
    const asked = [goal, ...others] as const
    const snapshots = await Promise.all(asked.map(name => cast(name).ask(name, 'snapshot')))
    const relay = snapshots[asked.indexOf('relay')] ?? snapshots[0]!
    return { goal: snapshots[0]!, relay, all: snapshots }
  }
  await warmUp(() => cast(goal).ask(goal, 'snapshot'), warmUpSeconds)
  let before = await take()
  while (repeats.length < count) {
    await sleep(seconds * 1000)
    const after = await take()
    repeats.push(repeatBetween(before, after, payloadBytes))
    before = after
  }
  const { datagrams: sent } = await cast('source').ask('source', 'stop')
  if (measure === 'throughput') await expectAll(cast('sink'), sent)
}

/**
 * Waits until the code that is measured is compiled, which takes calls rather than time: round
 * trips make far fewer of them.
 */
async function warmUp(snapshot: () => Promise<Snapshot>, seconds: number): Promise<void> {
  for (let waited = 0; waited < WARM_UP_STEPS_MAX; waited++) {
    await sleep(seconds * 1000)
    if ((await snapshot()).datagrams >= WARM_UP_DATAGRAMS) return
  }
}

/** What the parts of a trial count at one moment; the relay is also among all. */
interface Moment {
  readonly goal: Snapshot
  readonly relay: Snapshot
  readonly all: readonly Snapshot[]
}

/** Rates are by the clock of the process they are counted in, so no message between adds to them. */
function repeatBetween(before: Moment, after: Moment, payloadBytes: number): Repeat {
  const { latency } = after.goal
  const seconds = (after.goal.atMs - before.goal.atMs) / 1000
  const datagrams = after.goal.datagrams - before.goal.datagrams
  if (datagrams === 0) throw new Error(`no datagram arrived in ${seconds.toFixed(1)} s`)
  const datagramsPerSecond = datagrams / seconds
  const deliveriesPerSecond = latency === undefined ? datagramsPerSecond : datagramsPerSecond * 2
  const secondsPerMillion = (cpu: number): number => (cpu / deliveriesPerSecond) * 1e6
  const cpuOfAll = after.all.map((snapshot, i) => cpuBetween(before.all[i]!, snapshot))
  return {
    seconds,
    datagrams,
    datagramsPerSecond,
    megabytesPerSecond: (datagramsPerSecond * payloadBytes) / 1e6,
    relayCpuSecondsPerMillion: secondsPerMillion(cpuBetween(before.relay, after.relay)),
    cpuSecondsPerMillion: secondsPerMillion(cpuOfAll.reduce((sum, cpu) => sum + cpu)),
    latencyUs: latency,
  }
}

/** How much of a core a process took, as a part of 1. */
function cpuBetween(before: Snapshot, after: Snapshot): number {
  return (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs)
}

/** Waits until the sink has all that was sent. */
async function expectAll(sink: Child, sent: number): Promise<void> {
  let datagrams = -1
  let silentSinceMs = performance.now()
  for (;;) {
    const snapshot = await sink.ask('sink', 'snapshot')
    if (snapshot.datagrams === sent) return
    if (snapshot.datagrams > sent) {
      throw new Error(`${sent} datagrams were sent and ${snapshot.datagrams} arrived`)
    }
    if (snapshot.datagrams > datagrams) {
      datagrams = snapshot.datagrams
      silentSinceMs = performance.now()
    } else if (performance.now() - silentSinceMs > SILENT_MS_MAX) {
      throw new Error(`${sent} datagrams were sent and only ${datagrams} arrived`)
    }
    await sleep(POLL_MS)
  }
}

function profileArgs(dir: string, trial: Trial, part: PartName): string[] {
  const name = `${trial.name.replaceAll('/', '-')}-${part}.cpuprofile`
  return ['--cpu-prof', `--cpu-prof-dir=${dir}`, `--cpu-prof-name=${name}`]
}
