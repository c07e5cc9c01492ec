import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.js'
import { PARTS, type Job, type PartName, type Request, type Snapshot } from './protocol.js'
import type { Parameters, Repeat, TrialResult } from './results.js'
import type { Trial } from './trials.js'

/** What a step of a trial may take besides the time that it measures. */
const EXTRA_MS_MAX = 30_000
/** How long the last datagrams may stay away before they are taken for lost. */
const SILENT_MS_MAX = 3_000
const POLL_MS = 5
/** From the start of a flow to the window: queues and windows of credit fill. */
const SETTLE_MS = 40
/** Datagrams that have been seen to be enough for the compiler, and how long that may take. */
const WARM_UP_DATAGRAMS = 10_000
const WARM_UP_STEPS_MAX = 5
const WARM_UP_STEPS_MAX_QUICK = 2

const scratchDirs = new Set<string>()

// However the harness ends, no folder stays.
process.on('exit', () => {
  for (const dir of scratchDirs) rmSync(dir, { recursive: true, force: true })
})

/**
 * A trial whose processes run: relay, sink and source. It does nothing until a window is asked for,
 * so that many can live beside each other and take turns. Whatever goes wrong with it is kept as
 * its `failure`, and from then on it takes part in nothing.
 */
export class LiveTrial {
  readonly trial: Trial
  readonly #parameters: Parameters
  readonly #scratchDir = mkdtempSync(join(tmpdir(), 'v4v-bench-'))
  readonly #children: Child[] = []
  readonly #repeats: Repeat[] = []
  readonly #failed: Promise<void>
  #fail!: (error: Error) => void
  #failure: string | undefined
  #cast: (part: PartName) => Child = () => this.#children[0]!

  private constructor(trial: Trial, parameters: Parameters) {
    this.trial = trial
    this.#parameters = parameters
    this.#failed = new Promise(resolve => {
      this.#fail = error => {
        this.#failure ??= error.message
        resolve()
      }
    })
    scratchDirs.add(this.#scratchDir)
  }

  /**
   * Starts its processes.
   * @param profileDir where each process writes a CPU profile, if it should.
   */
  static async start(
    trial: Trial,
    parameters: Parameters,
    profileDir: string | undefined,
  ): Promise<LiveTrial> {
    const live = new LiveTrial(trial, parameters)
    await live.#step(0, () => live.#castParts(profileDir))
    return live
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /**
   * Sends until the code that is measured is compiled, which takes calls rather than time: round
   * trips make far fewer of them.
   */
  async warmUp(): Promise<void> {
    const { warmUpSeconds, quick } = this.#parameters
    const stepsMax = quick ? WARM_UP_STEPS_MAX_QUICK : WARM_UP_STEPS_MAX
    await this.#step(warmUpSeconds * stepsMax, async () => {
      await this.#ask('source', 'start')
      for (let waited = 0; waited < stepsMax; waited++) {
        await sleep(warmUpSeconds * 1000)
        if ((await this.#ask(this.#goal, 'snapshot')).datagrams >= WARM_UP_DATAGRAMS) break
      }
      await this.#stop()
    })
  }

  /** Sends for so long and counts. @returns nothing when the trial has failed, by then or before. */
  async measure(seconds: number): Promise<Repeat | undefined> {
    let repeat: Repeat | undefined
    await this.#step(seconds, async () => {
      await this.#ask('source', 'start')
      await sleep(SETTLE_MS)
      const before = await this.#take()
      await sleep(seconds * 1000)
      const after = await this.#take()
      await this.#stop()
      repeat = repeatBetween(before, after, this.trial.payloadBytes)
    })
    return this.hasFailed ? undefined : repeat
  }

  /** Keeps a window for the result. */
  keep(repeat: Repeat): void {
    this.#repeats.push(repeat)
  }

  /** Ends its processes; nothing of it is left. @returns what came out of it. */
  async end(): Promise<TrialResult> {
    await Promise.all(this.#children.map(child => child.end()))
    rmSync(this.#scratchDir, { recursive: true, force: true })
    scratchDirs.delete(this.#scratchDir)
    const { system, payloadBytes, measure } = this.trial
    const [repeats, failure] = [this.#repeats, this.#failure]
    return { system: system.name, payloadBytes, measure, repeats, failure }
  }

  /** What counts has arrived: at the sink, or back at the source. */
  get #goal(): PartName {
    return this.trial.measure === 'throughput' ? 'sink' : 'source'
  }

  /** Does something in bounded time, unless the trial has failed; ends early when it does. */
  async #step(seconds: number, work: () => Promise<void>): Promise<void> {
    if (this.hasFailed) return
    const boundMs = seconds * 1000 + EXTRA_MS_MAX
    const late = (): void => this.#fail(new Error(`it was not over after ${boundMs / 1000} s`))
    const timer = setTimeout(late, boundMs)
    await Promise.race([work().catch((error: unknown) => this.#fail(error as Error)), this.#failed])
    clearTimeout(timer)
  }

  /** Starts relay, sink and source, in this order, since each needs the one before. */
  async #castParts(profileDir: string | undefined): Promise<void> {
    const { system, payloadBytes, measure } = this.trial
    const job: Job = {
      measure,
      payloadBytes,
      scratchDir: this.#scratchDir,
      door: system.door,
      receive: system.receive,
      sharedMemory: system.sharedMemory ?? 'off',
      polling: system.polling ?? (measure === 'throughput' ? 'auto' : 'off'),
      touch: this.#parameters.touch,
      rules: this.#parameters.rules,
    }
    const fork = (script: string, part: PartName): Child => {
      const execArgv = profileDir === undefined ? [] : profileArgs(profileDir, this.trial, part)
      const child = new Child(script, execArgv, this.#fail)
      this.#children.push(child)
      return child
    }
    const relay = fork(system.relay, 'relay')
    if (system.client === undefined) {
      await relay.start(job)
      return
    }
    const sink = fork(system.client, 'sink')
    const source = fork(system.client, 'source')
    this.#cast = part => ({ relay, sink, source })[part]
    const doors = await relay.start(job)
    await sink.start({ ...job, part: 'sink', connect: doors.sink! })
    await source.start({ ...job, part: 'source', connect: doors.source! })
  }

  #ask(part: PartName, ask: Request['ask']): Promise<Snapshot> {
    return this.#cast(part).ask(part, ask)
  }

  async #take(): Promise<Moment> {
    // Without processes of their own for the clients, all is in the relay's.
    const others =
      this.trial.system.client === undefined ? [] : PARTS.filter(name => name !== this.#goal)
    const asked = [this.#goal, ...others]
    const snapshots = await Promise.all(asked.map(name => this.#ask(name, 'snapshot')))
    const relay = snapshots[asked.indexOf('relay')] ?? snapshots[0]!
    return { goal: snapshots[0]!, relay, all: snapshots }
  }

  /** Sends nothing more, and waits until all has arrived that was sent. */
  async #stop(): Promise<void> {
    const { datagrams: sent } = await this.#ask('source', 'stop')
    if (this.trial.measure === 'round-trip') return
    let datagrams = -1
    let silentSinceMs = performance.now()
    for (;;) {
      const snapshot = await this.#ask('sink', 'snapshot')
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

function profileArgs(dir: string, trial: Trial, part: PartName): string[] {
  const name = `${trial.name.replaceAll('/', '-')}-${part}.cpuprofile`
  return ['--cpu-prof', `--cpu-prof-dir=${dir}`, `--cpu-prof-name=${name}`]
}
